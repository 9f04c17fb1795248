// What becomes of a job: a shard whose bytes are all made, and the same once it is durable.
package import Planning
package import Storage

/// What a finished shard is.
package struct MergedShard: Equatable, Sendable {
  /// Of the whole file, its header included.
  package var byteCount: Int64
  /// Of the whole file, in the algorithm the options name.
  package var digest: Digest
  /// Of each recipe in order, in XXH3.
  package var tensors: [TensorDigests]

  package init(byteCount: Int64, digest: Digest, tensors: [TensorDigests]) {
    self.byteCount = byteCount
    self.digest = digest
    self.tensors = tensors
  }
}

/// A shard whose bytes are made and not durable yet. A crash may leave any of them.
///
/// Unchecked: it is handed from the thread that wrote it to the one that flushes it.
package final class UnflushedShard: @unchecked Sendable {
  private let output: ShardOutput
  private let path: String
  private let byteCount: Int64
  private let tensors: [TensorDigests]

  init(_ output: ShardOutput, path: String, byteCount: Int64, tensors: [TensorDigests]) {
    self.output = output
    self.path = path
    self.byteCount = byteCount
    self.tensors = tensors
  }

  /// Returns when the shard and its folder survive a power cut. Asked once; after a failure the
  /// file is gone.
  package func flush() throws(MergingError) -> MergedShard {
    do throws(MergingError) {
      let digest = try output.finish()
      try MergingError.storage { () throws(StorageError) in
        try Folder.flush(Path.parent(path))
      }
      return MergedShard(byteCount: byteCount, digest: digest, tensors: tensors)
    } catch {
      Self.remove(path)
      throw error
    }
  }

  /// Removes a file that something failed for: that failure is the one to tell, and what cannot be
  /// removed is nobody's shard.
  static func remove(_ path: String) {
    do throws(StorageError) { try Folder.removeTree(path) } catch {}
  }
}
