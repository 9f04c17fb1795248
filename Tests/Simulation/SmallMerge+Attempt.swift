// What workers do with files, call by call as MergeThread and ShardMerge do it, with ready bytes in
// the arithmetic's place.
package import Planning
package import Storage

extension SmallMerge {
  /// What may be wrong with an attempt that reads well.
  package enum AttemptFault: Error, Equatable {
    case storage(StorageError)
    case plan(PlanError)
    /// The plan's slice has another digest than the assignment said.
    case sliceChanged
    /// The shard or its record do not have the digests their worker told.
    case digest
  }

  /// Merges: reads the job's slice of the plan, writes the shard and then its record. Returns when
  /// both are durable; after a failure of the shard its file is gone.
  ///
  /// `isWrong`: as a processor would that computes wrongly, with the digests of what it made.
  package func writeAttempt(
    _ attempt: AttemptID, host: String = Host.name, processID: Int = Host.processID,
    isWrong: Bool = false
  ) throws(AttemptFault) -> AttemptRecord {
    let slice = encoded.slices[attempt.job]
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try read(slice) } catch { throw .storage(error) }
    guard Digest.xxh3(bytes).description == slice.digest else { throw .sliceChanged }
    let record = record(attempt, host: host, processID: processID, isWrong: isWrong)
    do throws(StorageError) {
      try writeShard(attempt, isWrong ? wrongShard(attempt.job) : shard(attempt.job))
      try WholeFile.write(record.encode(), to: folder.record(attempt))
    } catch {
      throw .storage(error)
    }
    return record
  }

  private func read(_ slice: PlanSlice) throws(StorageError) -> [UInt8] {
    let file = try File.open(folder.plan)
    _ = try file.status()
    return try file.read(count: Int(slice.byteCount), at: slice.offset)
  }

  private func writeShard(_ attempt: AttemptID, _ bytes: [UInt8]) throws(StorageError) {
    let job = plan.jobs[attempt.job]
    let path = folder.shard(attempt)
    let file = try File.create(path)
    do throws(StorageError) {
      try file.reserve(byteCount: job.byteCount)
      let header = Int(job.headerByteCount)
      try file.write(Array(bytes[..<header]), at: 0)
      for recipe in job.recipes {
        let start = header + Int(recipe.offset)
        try file.write(Array(bytes[start..<start + Int(recipe.byteCount)]), at: Int64(start))
        try file.writeBack(from: Int64(start), count: recipe.byteCount)
        try file.awaitWriteBack(from: Int64(header), count: recipe.offset)
      }
      try file.flush()
      try file.close()
      try Folder.flush(Path.parent(path))
    } catch {
      // The first failure is the one to tell; a file that cannot be removed is nobody's shard.
      do throws(StorageError) { try Folder.removeTree(path) } catch {}
      throw error
    }
  }

  /// Size and digest of an attempt's shard, as `MergeThread` reads it back.
  package func digest(
    _ attempt: AttemptID
  ) throws(AttemptFault) -> (byteCount: Int64, digest: String) {
    do throws(StorageError) {
      _ = try WholeFile.read(folder.record(attempt))
      let file = try File.open(folder.shard(attempt))
      let byteCount = try file.status().byteCount
      file.dropCache()
      let bytes = try file.read(count: Int(byteCount), at: 0)
      return (byteCount, Digest.xxh3(bytes).description)
    } catch {
      throw .storage(error)
    }
  }

  /// Reads an attempt back as another worker would: the record, then all bytes of the shard.
  package func readBack(_ attempt: AttemptID) throws(AttemptFault) -> AttemptRecord {
    let bytes: [UInt8]
    let shard: [UInt8]
    do throws(StorageError) {
      bytes = try WholeFile.read(folder.record(attempt))
      let file = try File.open(folder.shard(attempt))
      let byteCount = try file.status().byteCount
      file.dropCache()
      shard = try file.read(count: Int(byteCount), at: 0)
    } catch {
      throw .storage(error)
    }
    let record: AttemptRecord
    do throws(PlanError) { record = try AttemptRecord.decode(bytes) } catch { throw .plan(error) }
    guard record.digest == Digest.xxh3(shard).description else { throw .digest }
    return record
  }
}
