// `shardweld verify OUTPUT`: every byte of a finished output against its manifest, long after the
// merge and wherever it was copied to. The small files first, then the shards in order; in blocks,
// so that memory does not grow with the output.
import Ledger
import OrderedJSON
import Planning
package import Storage

package enum OutputVerifier {
  /// Reads all of an output. The first difference is the error.
  ///
  /// `progress` is told the bytes read so far, every few MB, and those to be read in all.
  package static func verify(
    _ output: String, _ traffic: Traffic? = nil, progress: (_ done: Int64, _ total: Int64) -> Void
  ) throws(PublishingError) -> VerifyReport {
    let manifest = try manifest(of: output)
    try checkSizes(manifest, in: output)
    let total =
      manifest.shards.reduce(0) { $0 + $1.byteCount }
      + manifest.files.reduce(0) { $0 + $1.byteCount }
    let reader = BlockReader()
    var done: Int64 = 0
    func count(_ byteCount: Int) {
      done += Int64(byteCount)
      progress(done, total)
    }
    try checkIndex(manifest, in: output)
    for file in manifest.files { try check(file, in: output, reader, traffic, count) }
    for shard in manifest.shards {
      try check(shard, of: manifest, in: output, reader, traffic, count)
    }
    return VerifyReport(
      manifest: manifest, byteCount: total, extraFiles: try extraFiles(manifest, in: output))
  }

  /// The manifest of an output.
  package static func manifest(of output: String) throws(PublishingError) -> Manifest {
    let path = Path.join(output, JobFolder.manifestName)
    let bytes = try PublishingError.wrapping { () throws(StorageError) -> [UInt8]? in
      try FileStatus.of(path) == nil ? nil : try WholeFile.read(path, limit: 1 << 34)
    }
    guard let bytes else { throw .noManifest(output: output) }
    do throws(PlanError) { return try Manifest.decode(bytes) } catch {
      throw .manifest(path: path, error)
    }
  }

  // MARK: Steps

  /// All files are there with their sizes: a cut copy shows at once.
  private static func checkSizes(
    _ manifest: Manifest, in output: String
  ) throws(PublishingError) {
    for shard in manifest.shards {
      let path = Path.join(output, shard.name)
      guard let found = try byteCount(path) else { throw .shardMissing(path: path) }
      guard found == shard.byteCount else {
        throw .shardSize(path: path, expected: shard.byteCount, found: found)
      }
    }
    for file in manifest.files {
      let path = Path.join(output, file.name)
      guard let found = try byteCount(path) else { throw .fileMissing(path: path) }
      guard found == file.byteCount else {
        throw .fileSize(path: path, expected: file.byteCount, found: found)
      }
    }
  }

  private static func byteCount(_ path: String) throws(PublishingError) -> Int64? {
    try PublishingError.wrapping { () throws(StorageError) in
      try FileStatus.of(path)?.byteCount
    }
  }

  /// The index sends every tensor where the manifest has it; loaders go by the index.
  private static func checkIndex(
    _ manifest: Manifest, in output: String
  ) throws(PublishingError) {
    let path = Path.join(output, ShardIndex.fileName(of: manifest.shards.lazy.map(\.name)))
    guard try byteCount(path) != nil else { return }  // a single file needs none
    let bytes = try PublishingError.wrapping { () throws(StorageError) in
      try WholeFile.read(path)
    }
    let found: ShardIndex
    do throws(PlanError) { found = try ShardIndex.decode(bytes) } catch {
      throw .index(path: path, error)
    }
    let shards = Set(manifest.shards.map(\.name))
    for shard in Set(found.shards.values).sorted(by: Manifest.precedes)
    where !shards.contains(shard) { throw .extraShard(index: path, shard: shard) }
    for shard in manifest.shards {
      for tensor in shard.tensors where found.shards[tensor.name] != shard.name {
        throw .indexEntry(
          index: path, tensor: tensor.name, expected: shard.name,
          found: found.shards[tensor.name])
      }
    }
    let expected = ShardIndex(of: manifest)
    let extra = found.shards.keys.filter { expected.shards[$0] == nil }
    if let tensor = extra.min(by: Manifest.precedes) {
      throw .indexExtraTensor(index: path, tensor: tensor)
    }
  }

  private static func check(
    _ file: FileDigest, in output: String, _ reader: BlockReader, _ traffic: Traffic?,
    _ count: (Int) -> Void
  ) throws(PublishingError) {
    let path = Path.join(output, file.name)
    let found = try PublishingError.wrapping { () throws(StorageError) in
      let open = try File.open(path, traffic)
      var digester = Digester(Digest(file.digest)?.algorithm ?? .xxh3)
      try reader.read(open, 0..<file.byteCount) { block in
        digester.update(block)
        count(block.byteCount)
      }
      return digester.finish().description
    }
    guard found == file.digest else {
      throw .fileDigest(path: path, expected: file.digest, found: found)
    }
  }

  /// Header, each tensor and the whole, in one pass.
  private static func check(
    _ shard: Manifest.Shard, of manifest: Manifest, in output: String, _ reader: BlockReader,
    _ traffic: Traffic?, _ count: (Int) -> Void
  ) throws(PublishingError) {
    let path = Path.join(output, shard.name)
    let file = try PublishingError.wrapping { () throws(StorageError) in
      try File.open(path, traffic)
    }
    var whole: Digester? = Digester(Digest(shard.digest)?.algorithm ?? .xxh3)
    var offset: Int64 = 0
    /// Reads up to an offset, for the whole's digest and perhaps a tensor's.
    func read(to end: Int64, _ digester: inout Digester?) throws(PublishingError) {
      guard end <= shard.byteCount else {
        throw .shardSize(path: path, expected: end, found: shard.byteCount)
      }
      try PublishingError.wrapping { () throws(StorageError) in
        try reader.read(file, offset..<end) { block in
          digester?.update(block)
          whole?.update(block)
          count(block.byteCount)
        }
      }
      offset = end
    }
    var none: Digester?
    if let header = shard.header {
      if let place = try difference(of: shard, header, file) {
        throw .shardHeader(path: path, offset: place)
      }
      try read(to: shard.headerByteCount, &none)
    } else {
      var digester: Digester? = Digester(.xxh3)
      try read(to: shard.headerByteCount, &digester)
      guard digester.take()!.finish().description == shard.prelude?.digest else {
        throw .shardHeader(path: path, offset: 0)
      }
    }
    for (tensor, range) in zip(shard.tensors, shard.ranges) {
      try read(to: range.lowerBound, &none)
      var digester: Digester? = Digester(.xxh3)
      try read(to: range.upperBound, &digester)
      let found = digester.take()!.finish().description
      guard found == tensor.digest else {
        throw .tensorDigest(
          path: path, tensor: tensor.name, expected: tensor.digest, found: found)
      }
    }
    try read(to: shard.end, &none)
    guard offset == shard.byteCount else {
      throw .shardSize(path: path, expected: offset, found: shard.byteCount)
    }
    let found = whole.take()!.finish().description
    guard found == shard.digest else {
      throw .shardDigest(path: path, expected: shard.digest, found: found)
    }
  }

  /// The first byte in which a file's beginning is not its shard's header, nil for none.
  private static func difference(
    of shard: Manifest.Shard, _ header: [UInt8], _ file: borrowing File
  ) throws(PublishingError) -> Int? {
    let count = min(shard.headerByteCount, Int64(header.count))
    let found = try PublishingError.wrapping { () throws(StorageError) in
      try file.read(count: Int(count), at: 0)
    }
    if found == header, count == shard.headerByteCount { return nil }
    return zip(found, header).enumerated().first { $1.0 != $1.1 }?.offset ?? found.count
  }

  /// Files that the manifest does not know: someone added them later. Told, not refused.
  private static func extraFiles(
    _ manifest: Manifest, in output: String
  ) throws(PublishingError) -> [String] {
    var known = Set(manifest.shards.map(\.name) + manifest.files.map(\.name))
    known.insert(JobFolder.manifestName)
    var extra: [String] = []
    func walk(_ below: String) throws(StorageError) {
      for name in try Folder.list(Path.join(output, below)) {
        let relative = below.isEmpty ? name : below + "/" + name
        if known.contains(relative) { continue }
        if try FileStatus.of(Path.join(output, relative))?.isFolder == true {
          try walk(relative)
        } else {
          extra.append(relative)
        }
      }
    }
    try PublishingError.wrapping { () throws(StorageError) in try walk("") }
    return extra
  }
}

/// What a verified output holds.
package struct VerifyReport: Equatable, Sendable {
  package var manifest: Manifest
  /// Bytes read.
  package var byteCount: Int64
  /// Files that the manifest does not know, below the output.
  package var extraFiles: [String]

  package var shardCount: Int { manifest.shards.count }
  package var tensorCount: Int { manifest.shards.reduce(0) { $0 + $1.tensors.count } }
}
