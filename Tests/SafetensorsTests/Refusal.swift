// How the refusals are asked for: a file is written, read, and must be refused.
import Safetensors
import TestSupport
import Testing

/// What most sentences end with.
let usualAdvice = "; fetch the file again, or write it anew with the safetensors library"

extension Scratch {
  /// The part of the sentence behind `PATH cannot be read as safetensors: `.
  func refusal(_ bytes: [UInt8]) throws -> String {
    let path = try write("a.safetensors", bytes)
    let error = #expect(throws: SafetensorsError.self) { _ = try ShardHeader.read(path) }
    let start = "\(path) cannot be read as safetensors: "
    let sentence = try #require(error?.sentence)
    try #require(sentence.hasPrefix(start))
    return String(sentence.dropFirst(start.count))
  }

  /// The same for a header's text with zeros as data.
  func refusal(_ header: String, dataByteCount: Int = 0) throws -> String {
    try refusal(SampleFile.raw(header, dataByteCount: dataByteCount))
  }

  /// The refusal of one tensor described so, without the usual advice.
  func refusal(tensor: String, dataByteCount: Int = 8) throws -> String {
    let text = try refusal("{\"a\":\(tensor)}", dataByteCount: dataByteCount)
    try #require(text.hasSuffix(usualAdvice))
    return String(text.dropLast(usualAdvice.count))
  }

  /// The refusal of tensors a, b, … of bytes with the given ranges, without the usual advice.
  func refusal(ranges: [(Int, Int)], dataByteCount: Int) throws -> String {
    let tensors = zip("abcdef", ranges).map { name, range in
      "\"\(name)\":{\"dtype\":\"U8\",\"shape\":[\(range.1 - range.0)],"
        + "\"data_offsets\":[\(range.0),\(range.1)]}"
    }
    let text = try refusal("{" + tensors.joined(separator: ",") + "}", dataByteCount: dataByteCount)
    return String(text.dropLast(usualAdvice.count))
  }
}
