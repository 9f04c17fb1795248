// Inputs that fuzzing found, a file for each target and a line for each input:
//
//   # a comment
//   {"a":\x00}
//
// Bytes that are no printable ASCII, backslashes and a `#` in front stand as `\x` and two digits.
import Storage

/// The inputs kept in the repository.
package enum Corpus {
  /// The folder of the files.
  package static let folder = Path.join(Path.parent(#filePath), "Corpus")

  /// The inputs kept for a target; none where it has no file.
  package static func inputs(of target: String) throws -> [[UInt8]] {
    let path = Path.join(folder, target + ".txt")
    guard try FileStatus.of(path) != nil else { return [] }
    return try WholeFile.read(path).split(separator: 0x0A).filter { $0.first != hash }
      .map { try input(Array($0)) }
  }

  /// An input as a line, without its end.
  package static func line(_ input: [UInt8]) -> String {
    var text = ""
    for (index, byte) in input.enumerated() {
      let isPlain = (0x20..<0x7F).contains(byte) && byte != backslash && (index > 0 || byte != hash)
      let digits = String(byte, radix: 16)
      text += isPlain ? String(Unicode.Scalar(byte)) : byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
    }
    return text
  }

  /// The input of a line.
  package static func input(_ line: [UInt8]) throws -> [UInt8] {
    var input: [UInt8] = []
    var rest = line[...]
    while let byte = rest.popFirst() {
      guard byte == backslash else {
        input.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(3).dropFirst(), as: UTF8.self)
      guard rest.first == UInt8(ascii: "x"), digits.utf8.count == 2,
        let value = UInt8(digits, radix: 16)
      else { throw BrokenPromise("no line of a corpus: \(String(decoding: line, as: UTF8.self))") }
      input.append(value)
      rest = rest.dropFirst(3)
    }
    return input
  }

  private static let hash = UInt8(ascii: "#")
  private static let backslash = UInt8(ascii: "\\")
}
