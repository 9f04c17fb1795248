import Safetensors
import Storage
import TestSupport
import Testing
import TorchFiles

/// The sentence with which bytes are refused, without the path; "taken" where they are not.
func refusal(of bytes: [UInt8], in scratch: Scratch) throws -> String {
  // Without a flush: there are thousands of them.
  let path = scratch("weights.pth")
  try Folder.removeTree(path)
  let file = try File.create(path)
  try file.write(bytes, at: 0)
  try file.close()
  return refusal(of: path)
}

func refusal(of path: String) -> String {
  do throws(TorchFileError) {
    _ = try TorchFile.read(path)
    return "taken"
  } catch {
    let start = "\(path) cannot be read as weights saved by torch: "
    return error.sentence.hasPrefix(start)
      ? String(error.sentence.dropFirst(start.count)) : error.sentence
  }
}

/// Advice that several sentences share.
enum Advice {
  static let fetch = "; the file is cut short or damaged, fetch it again"
  static let distrust = "; do not use this file, fetch it again from where you trust it"
  static let load = "; if you trust it, load it with torch and save its state_dict as safetensors"
  static let plain =
    "; load the model with torch, make plain tensors of such, and save it as safetensors"
  static let one = "; save the one state_dict that is meant, as safetensors"
}

/// Files that torch wrote, and what they hold.
enum TorchFixture {
  static let folder =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/torch"

  /// A tensor's bytes, gathered where they lie apart.
  static func bytes(of tensor: TensorEntry, in header: ShardHeader) throws -> [UInt8] {
    let file = try File.open(header.path)
    let buffer = Buffer(byteCount: Int(tensor.byteCount))
    let bytes = unsafe UnsafeMutableRawBufferPointer(
      rebasing: buffer.bytes[..<Int(tensor.byteCount)])
    try unsafe file.read(
      into: bytes, at: header.headerByteCount + tensor.byteRange.lowerBound, views: header.views)
    return unsafe Array(bytes)
  }
}
