// finish.json in the job's folder: written, durably, when publish/ is whole and before it takes the
// output's name. It tells which of two folders is the merge's own after a crash in that moment,
// when OUTPUT and publish/ may have swapped their names.
//
//   {"output":"/out","manifest":"xxh3:…","inode":1234}
import OrderedJSON
package import Planning
import Storage

package struct FinishMarker: Equatable, Sendable {
  /// Absolute.
  package var output: String
  /// Digest of the manifest's bytes: whose shardweld.json has it holds this merge's result.
  package var manifestDigest: String
  /// Of publish/ as it was: decides where both folders have that manifest, as when a merge is
  /// repeated over its own damaged output.
  package var inode: UInt64

  package init(output: String, manifestDigest: String, inode: UInt64) {
    self.output = output
    self.manifestDigest = manifestDigest
    self.inode = inode
  }

  /// Where the merge's result is.
  package enum Place: Equatable, Sendable {
    /// No marker: shards are still being put into publish/.
    case growing
    /// publish/ is whole and has yet to take the output's name.
    case ready
    /// The output has its name; what publish/ may hold is what it replaced.
    case published
    /// There is a marker, but neither folder is the one it was written for.
    case lost
  }

  /// Makes the marker durable.
  package func write(in folder: JobFolder) throws(LedgerError) {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("output", output)
      writer.member("manifest", manifestDigest)
      writer.member("inode", inode)
    }
    let bytes = writer.bytes + [UInt8(ascii: "\n")]
    try LedgerError.wrapping { () throws(StorageError) in
      try WholeFile.write(bytes, to: folder.finish)
    }
  }

  /// Removes the marker: what follows begins to put shards in place again.
  package static func remove(in folder: JobFolder) throws(LedgerError) {
    try LedgerError.wrapping { () throws(StorageError) in
      try Folder.removeTree(folder.finish)
      try Folder.flush(folder.path)
    }
  }

  /// The marker of a job's folder, nil where there is none.
  package static func read(in folder: JobFolder) throws(LedgerError) -> FinishMarker? {
    let bytes = try LedgerError.wrapping { () throws(StorageError) -> [UInt8]? in
      guard try FileStatus.of(folder.finish) != nil else { return nil }
      return try WholeFile.read(folder.finish, limit: 1 << 20)
    }
    guard let bytes else { return nil }
    do throws(PlanError) {
      var reader = try JSONReader.of(bytes)
      let tree = try reader.tree()
      guard let output = tree["output"]?.text, let digest = tree["manifest"]?.text,
        case .number(let text)? = tree["inode"], let inode = UInt64(text)
      else { throw .missing(member: "output, manifest or inode") }
      return FinishMarker(output: output, manifestDigest: digest, inode: inode)
    } catch {
      throw .unreadable(path: folder.finish, error)
    }
  }

  /// Where the result of a job's folder is now.
  package static func place(in folder: JobFolder) throws(LedgerError) -> Place {
    guard let marker = try read(in: folder) else { return .growing }
    let output = try marker.inode(ofResultAt: marker.output)
    let publish = try marker.inode(ofResultAt: folder.publish)
    switch (output, publish) {
    case (nil, nil): return .lost
    case (.some, nil): return .published
    case (nil, .some): return .ready
    case (let output?, let publish?):
      // The folder has moved, and this host remembers where it was.
      if output == publish { return .published }
      if output == marker.inode { return .published }
      return publish == marker.inode ? .ready : .lost
    }
  }

  /// The inode of a folder that holds the marker's manifest, nil for any other.
  private func inode(ofResultAt path: String) throws(LedgerError) -> UInt64? {
    let manifest = Path.join(path, JobFolder.manifestName)
    return try LedgerError.wrapping { () throws(StorageError) in
      guard let status = try FileStatus.of(path), try FileStatus.of(manifest) != nil else {
        return nil
      }
      let digest = Digest.xxh3(try WholeFile.read(manifest)).description
      return digest == manifestDigest ? status.inode : nil
    }
  }
}
