// Targets that torch should have saved: whole files, and pickles in a file that is otherwise right.
import Safetensors
import Storage
import TestSupport
import TorchFiles

extension FuzzTarget {
  /// One tensor of each kind of layout, as torch's pickles have them.
  private static let dict = SamplePickle.dict([
    ("whole", SamplePickle.tensor()),
    ("turned", SamplePickle.tensor(offset: 1, shape: [3, 2], strides: [1, 3])),
    ("expanded", SamplePickle.tensor(shape: [2, 2], strides: [0, 0])),
    ("empty", SamplePickle.tensor(offset: 16, shape: [0], strides: [1])),
    (
      "bf16", SamplePickle.tensor(SamplePickle.storage(type: "BFloat16Storage", count: 32))
    ),
    (
      "parameter",
      SamplePickle.call(
        SamplePickle.global("torch._utils", "_rebuild_parameter"), SamplePickle.tensor(), [0x88],
        SamplePickle.call(SamplePickle.global("collections", "OrderedDict")))
    ),
    (
      "fp8",
      SamplePickle.call(
        SamplePickle.global("torch._utils", "_rebuild_tensor_v3"),
        SamplePickle.storage(type: "UntypedStorage", count: 64), SamplePickle.number(0),
        SamplePickle.numbers([4]), SamplePickle.numbers([1]), [0x89, 0x4E],
        SamplePickle.global("torch", "float8_e4m3fn"))
    ),
  ])

  private static let pickles = [
    SamplePickle.program(dict),
    SamplePickle.program(SamplePickle.dict([("epoch", [0x4B, 1]), ("state_dict", dict)])),
  ]

  /// A pickle; around it lies a zip with one storage of 64 bytes.
  static func torchPickle(_ place: FuzzPlace) throws -> FuzzTarget {
    let path = place("pickle.pth")
    return FuzzTarget("torch-pickle", pickles) { bytes in
      try FuzzPlace.put(SampleZip(pickle: bytes).bytes, at: path)
      return try readTorch(path)
    }
  }

  /// A whole file: a zip with directories of 32 and 64 bits, or pickles one after the other.
  static func torchFile(_ place: FuzzPlace) throws -> FuzzTarget {
    let zip = SampleZip(pickle: pickles[0])
    var wide = zip
    wide.isWide = true
    let magic: [UInt8] = [
      0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]
    let old =
      magic + SamplePickle.program(SamplePickle.number(1001))
      + SamplePickle.program(SamplePickle.dict([("little_endian", [0x88])]))
      + SamplePickle.program(SamplePickle.dict([("w", SamplePickle.tensor())]))
      + SamplePickle.program([0x5D] + SamplePickle.text("0") + [0x61])
      + SampleZip.word(16, 8) + [UInt8](0..<64)
    let path = place("file.pth")
    return FuzzTarget("torch-file", [zip.bytes, wide.bytes, old]) { bytes in
      try FuzzPlace.put(bytes, at: path)
      return try readTorch(path)
    }
  }

  /// Of a file that is taken every tensor must be readable, and as long as its shape says.
  private static func readTorch(_ path: String) throws -> Answer {
    let header: ShardHeader
    do throws(TorchFileError) { header = try TorchFile.read(path) } catch {
      return .refused(error.sentence)
    }
    guard Set(header.tensors.map(\.name)).count == header.tensors.count else {
      throw BrokenPromise("a name stands for two tensors")
    }
    let file = try File.open(path)
    let buffer = Buffer(byteCount: 1 << 16)
    for tensor in header.tensors {
      let bitCount = tensor.elementCount.multipliedReportingOverflow(by: tensor.dtype.bitCount)
      guard !bitCount.overflow, Int64(bitCount.partialValue / 8) == tensor.byteCount else {
        throw BrokenPromise("\(tensor.shape) takes \(tensor.byteCount) bytes")
      }
      // Its first bytes and its last ones.
      let count = Int(min(1 << 16, tensor.byteCount))
      let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
      for offset in [tensor.byteRange.lowerBound, tensor.byteRange.upperBound - Int64(count)] {
        do throws(StorageError) {
          try unsafe file.read(into: bytes, at: offset, views: header.views)
        } catch { throw BrokenPromise("a tensor cannot be read: \(error.sentence)") }
      }
    }
    return .taken
  }
}
