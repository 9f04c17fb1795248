// Pickles put together opcode by opcode, as torch's writer does it and as it never would.

/// Bytes of pickles.
package enum SamplePickle {
  /// PROTO 2 … STOP.
  package static func program(_ parts: [UInt8]...) -> [UInt8] {
    [0x80, 2] + parts.joined() + [0x2E]
  }

  package static func text(_ text: String) -> [UInt8] {
    [0x58] + SampleZip.word(UInt64(text.utf8.count), 4) + Array(text.utf8)
  }

  package static func number(_ number: Int) -> [UInt8] {
    [0x8A, 8] + SampleZip.word(UInt64(bitPattern: Int64(number)), 8)
  }

  package static func global(_ module: String, _ name: String) -> [UInt8] {
    [0x63] + Array("\(module)\n\(name)\n".utf8)
  }

  package static func tuple(_ parts: [UInt8]...) -> [UInt8] { [0x28] + parts.joined() + [0x74] }

  package static func call(_ global: [UInt8], _ arguments: [UInt8]...) -> [UInt8] {
    global + [0x28] + arguments.joined() + [0x74, 0x52]
  }

  /// A dict of names and values.
  package static func dict(_ entries: [(String, [UInt8])]) -> [UInt8] {
    [0x7D, 0x28] + entries.flatMap { text($0.0) + $0.1 } + [0x75]
  }

  package static func storage(
    _ key: String = "0", type: String = "FloatStorage", count: Int = 16,
    at location: String = "cpu",
    view: [UInt8]? = nil
  ) -> [UInt8] {
    tuple(
      text("storage"), global("torch", type), text(key), text(location), number(count), view ?? [])
      + [0x51]
  }

  /// `_rebuild_tensor_v2` of a storage.
  package static func tensor(
    _ storage: [UInt8]? = nil, offset: Int = 0, shape: [Int] = [2, 3], strides: [Int] = [3, 1],
    metadata: [UInt8] = []
  ) -> [UInt8] {
    call(
      global("torch._utils", "_rebuild_tensor_v2"), storage ?? self.storage(), number(offset),
      numbers(shape), numbers(strides), [0x89],
      call(global("collections", "OrderedDict")), metadata)
  }

  package static func numbers(_ numbers: [Int]) -> [UInt8] {
    [0x28] + numbers.flatMap { number($0) } + [0x74]
  }
}
