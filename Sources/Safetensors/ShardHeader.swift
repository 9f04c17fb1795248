// A safetensors file as its header describes it. Tensor bytes are not read here.
//
//   8 bytes   N, little-endian
//   N bytes   {"__metadata__":{"format":"pt"},
//              "lm_head.weight":{"dtype":"BF16","shape":[8,4],"data_offsets":[0,64]}}
//   the rest  the tensors' bytes; they fill it without hole, overlap or remainder
import OrderedJSON
package import Storage

/// A file's header: its tensors, its metadata, and what identifies the file to a later run.
package struct ShardHeader: Equatable, Sendable {
  /// As it was given to `read`.
  package var path: String
  package var fileByteCount: Int64
  /// Nanoseconds since 1970, as the file system had it.
  package var modified: Int64
  /// Bytes before the first tensor: the 8 of the length and the header itself. 0 for another
  /// format's file, whose tensors count from the start of the file.
  package var headerByteCount: Int64
  /// XXH3-128 of the first `headerByteCount` bytes; of another format's file, of what describes its
  /// tensors.
  package var digest: Digest
  /// In the order of their bytes; of another format's file, in an order of its own.
  package var tensors: [TensorEntry]
  package var metadata: [String: String]
  /// Where tensors lie that have no run of bytes in the file; safetensors has none of them.
  package var views: [StridedView]

  package init(
    path: String, fileByteCount: Int64, modified: Int64, headerByteCount: Int64, digest: Digest,
    tensors: [TensorEntry], metadata: [String: String], views: [StridedView] = []
  ) {
    self.path = path
    self.fileByteCount = fileByteCount
    self.modified = modified
    self.headerByteCount = headerByteCount
    self.digest = digest
    self.tensors = tensors
    self.metadata = metadata
    self.views = views
  }

  /// The same with its tensors in the order in which safetensors' own writer lays them (wide types
  /// first, then by name), for files of other formats: so they merge to the same bytes.
  package var inWritingOrder: ShardHeader {
    let ranks = Dictionary(
      uniqueKeysWithValues: DType.allCases.enumerated().map { ($0.element, -$0.offset) })
    var header = self
    header.tensors.sort { a, b in
      let (one, other) = (ranks[a.dtype, default: 0], ranks[b.dtype, default: 0])
      return one == other ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : one < other
    }
    return header
  }

  /// Longest header the format allows.
  package static let headerByteCountMax = 100_000_000

  /// Reads and checks a file's header against the format and against the file's own size.
  ///
  /// Strict where safetensors' own reader is strict (`safetensors/src/tensor.rs`), and also with
  /// repeated names, which that reader lets pass.
  package static func read(_ path: String) throws(SafetensorsError) -> ShardHeader {
    let front: Front
    do { front = try Front.read(path) } catch { throw .storage(error) }
    do throws(HeaderFault) {
      if let fault = front.fault { throw fault }
      var digester = Digester(.xxh3)
      unsafe digester.update(front.length.span.bytes)
      unsafe digester.update(front.text.span.bytes)
      let headerByteCount = Int64(8 + front.text.count)
      let (tensors, metadata) = try HeaderParser.parse(
        front.text, dataByteCount: front.status.byteCount - headerByteCount)
      return ShardHeader(
        path: path, fileByteCount: front.status.byteCount, modified: front.status.modified,
        headerByteCount: headerByteCount, digest: digester.finish(), tensors: tensors,
        metadata: metadata)
    } catch {
      throw .malformed(path: path, error)
    }
  }
}

/// The bytes before the first tensor, as they stand in the file.
private struct Front {
  var status: FileStatus
  /// The first 8 bytes, fewer where the file has fewer.
  var length: [UInt8]
  /// The header's text; empty where `length` cannot be right.
  var text: [UInt8] = []

  static func read(_ path: String) throws(StorageError) -> Front {
    let file = try File.open(path)
    let status = try file.status()
    let length = try file.read(count: Int(min(8, status.byteCount)), at: 0)
    var front = Front(status: status, length: length)
    if front.fault == nil { front.text = try file.read(count: Int(front.textByteCount), at: 8) }
    return front
  }

  var textByteCount: UInt64 { length.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  /// What is wrong with the length, against the format and the file's size.
  var fault: HeaderFault? {
    guard length.count == 8 else { return .noHeader(fileByteCount: status.byteCount) }
    if length.elementsEqual("version ".utf8) { return .gitPointer }
    let count = textByteCount
    guard count <= UInt64(ShardHeader.headerByteCountMax) else {
      return .headerTooLong(byteCount: count)
    }
    let end = 8 + Int64(count)
    return end <= status.byteCount
      ? nil : .headerBeyondFile(expected: end, found: status.byteCount)
  }
}
