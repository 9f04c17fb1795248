// The thread that does the work, one task at a time, beside the loop that talks. It reads the job's
// recipes from plan.json, merges, and reports through a mailbox. What is written another thread
// flushes while this one is at the next task; it leaves a record beside the shard.
import Dispatch
import Merging
package import Messaging
package import Planning
package import Storage
import Synchronization

/// What a worker's loop gives its tasks to.
package protocol TaskThread: AnyObject {
  /// Progress, what is written, and ends, for the loop.
  var events: Mailbox<WorkerMachine.Event> { get }
  /// Bytes that its tasks have read and written so far.
  var movedByteCount: Int64 { get }
  /// Begins a task once the one before has ended.
  func start(_ assignment: Assignment, in folder: JobFolder, stop: StopFlag)
  /// Waits until nothing runs any more, for a while at most.
  func rest(milliseconds: Int)
}

/// Does tasks in the order they are given.
package final class MergeThread: TaskThread, Sendable {
  /// Who works, and with what.
  package struct Settings: Sendable {
    var host: String
    var processID: Int
    var threads: Int
    var memoryByteCount: Int64
    /// The instruction set of the inner loops, for the record.
    var kernel: String
    var traffic: Traffic

    package init(_ worker: WorkerSettings, kernel: String, traffic: Traffic = Traffic()) {
      host = worker.host
      processID = worker.processID
      threads = worker.threads
      memoryByteCount = worker.memoryByteCount
      self.kernel = kernel
      self.traffic = traffic
    }
  }

  /// Progress is told no more often than this.
  private static let reportMilliseconds: UInt64 = 100
  /// Far beyond any job's recipes; so much is read for nobody.
  private static let sliceByteCountMax: Int64 = 1 << 31

  package let events = Mailbox<WorkerMachine.Event>()
  private let settings: Settings
  private let allowance = CacheAllowance.ofHost()
  private let queue = DispatchQueue(label: "shardweld.merge")
  private let flushes = DispatchQueue(label: "shardweld.flush")
  /// One shard is flushed at a time: who writes faster than that waits.
  private let isFree = DispatchSemaphore(value: 1)
  private let busy = DispatchGroup()

  package init(_ settings: Settings) { self.settings = settings }

  package var movedByteCount: Int64 { settings.traffic.byteCount }

  package func start(_ assignment: Assignment, in folder: JobFolder, stop: StopFlag) {
    queue.async(group: busy) { [self] in
      if let outcome = run(assignment, folder, stop) {
        events.post(.ended(assignment.task, outcome))
      }
    }
  }

  package func rest(milliseconds: Int) {
    _ = busy.wait(timeout: .now() + .milliseconds(milliseconds))
  }

  /// Carries out a task; nil for a merge that is written, whose end is told once it is flushed.
  private func run(
    _ assignment: Assignment, _ folder: JobFolder, _ stop: StopFlag
  ) -> Outcome? {
    do throws(WorkingError) {
      switch assignment {
      case .merge(let attempt, let slice, _):
        let started = DispatchTime.now()
        let shard = try write(attempt, slice, folder, stop)
        isFree.wait()
        events.post(.written(assignment.task))
        flushes.async(group: busy) { [self] in
          let outcome = flush(shard, attempt, folder, since: started)
          events.post(.ended(assignment.task, outcome))
          isFree.signal()
        }
        return nil
      case .readBack(let attempt): return try readBack(attempt, folder, stop)
      }
    } catch { return Outcome(error) }
  }

  private func write(
    _ attempt: AttemptID, _ slice: PlanSlice, _ folder: JobFolder, _ stop: StopFlag
  ) throws(WorkingError) -> UnflushedShard {
    let recipes = try read(slice, of: attempt.job, folder)
    let merge = ShardMerge(
      slice: recipes, threads: settings.threads, memoryByteCount: settings.memoryByteCount,
      traffic: settings.traffic, allowance: allowance)
    let progress = reporter(TaskID(.merge, attempt), stop)
    do throws(MergingError) {
      return try merge.write(to: folder.shard(attempt), progress: progress)
    } catch { throw .merging(error) }
  }

  /// Makes a shard durable, and a record of it beside it.
  private func flush(
    _ written: UnflushedShard, _ attempt: AttemptID, _ folder: JobFolder,
    since started: DispatchTime
  ) -> Outcome {
    do throws(WorkingError) {
      let shard: MergedShard
      do throws(MergingError) { shard = try written.flush() } catch { throw .merging(error) }
      let nanoseconds =
        DispatchTime.now().uptimeNanoseconds - started.uptimeNanoseconds
      let record = AttemptRecord(
        attempt: attempt, byteCount: shard.byteCount, digest: shard.digest.description,
        tensors: shard.tensors, host: settings.host, processID: settings.processID,
        milliseconds: Int(nanoseconds / 1_000_000), kernel: settings.kernel
      ).encode()
      try WorkingError.storage { () throws(StorageError) in
        try WholeFile.write(record, to: folder.record(attempt))
      }
      return .merged(
        byteCount: shard.byteCount, digest: shard.digest.description,
        recordDigest: Digest.xxh3(record).description)
    } catch { return Outcome(error) }
  }

  private func readBack(
    _ attempt: AttemptID, _ folder: JobFolder, _ stop: StopFlag
  ) throws(WorkingError) -> Outcome {
    let path = folder.record(attempt)
    let bytes = try WorkingError.storage { () throws(StorageError) in try WholeFile.read(path) }
    let record: AttemptRecord
    do throws(PlanError) { record = try AttemptRecord.decode(bytes) } catch {
      throw .unreadable(path: path, error)
    }
    // Only the kind of digest is taken from the record, never its value.
    guard let algorithm = Digest(record.digest)?.algorithm else { throw .noDigest(path: path) }
    let progress = reporter(TaskID(.readBack, attempt), stop)
    do throws(MergingError) {
      let (byteCount, digest) = try ReadBack.run(
        folder.shard(attempt), algorithm: algorithm, fromDevice: true,
        traffic: settings.traffic, progress: progress)
      return .readBack(byteCount: byteCount, digest: digest.description)
    } catch { throw .merging(error) }
  }

  /// The job's recipes, as the coordinator digested them.
  private func read(
    _ slice: PlanSlice, of job: Int, _ folder: JobFolder
  ) throws(WorkingError) -> JobSlice {
    let path = folder.plan
    let bytes = try WorkingError.storage { () throws(StorageError) in
      let file = try File.open(path)
      let end = try file.status().byteCount
      guard slice.offset >= 0, 0...Self.sliceByteCountMax ~= slice.byteCount,
        slice.offset <= end, slice.byteCount <= end - slice.offset
      else {
        throw .ended(
          path: path, offset: slice.offset, expected: Int(clamping: slice.byteCount),
          found: Int(clamping: max(0, end - slice.offset)))
      }
      return try file.read(count: Int(slice.byteCount), at: slice.offset)
    }
    let digest = Digest.xxh3(bytes).description
    guard digest == slice.digest else {
      throw .sliceChanged(path: path, expected: slice.digest, found: digest)
    }
    let recipes: JobSlice
    do throws(PlanError) { recipes = try PlanCodec.decodeSlice(bytes) } catch {
      throw .unreadable(path: path, error)
    }
    guard recipes.job.id == job else {
      throw .otherJob(path: path, expected: job, found: recipes.job.id)
    }
    return recipes
  }

  /// Tells the loop how far the task is, now and then; false once it shall stop.
  private func reporter(
    _ task: TaskID, _ stop: StopFlag
  ) -> (Int64) -> Bool {
    var next: UInt64 = 0
    return { [events] byteCount in
      let now = DispatchTime.now().uptimeNanoseconds
      if now >= next {
        next = now + Self.reportMilliseconds * 1_000_000
        events.post(.advanced(task, byteCount: byteCount))
      }
      return !stop.isRaised
    }
  }
}

extension Outcome {
  /// What a task that failed comes to; one that stopped as told goes back.
  fileprivate init(_ error: WorkingError) {
    self =
      if case .merging(.stopped) = error {
        .handedBack
      } else {
        .failed(TaskFailure(error.cause, error.sentence))
      }
  }
}

/// Tells one task to stop.
package final class StopFlag: Sendable {
  private let flag = Atomic(false)

  package init() {}

  package var isRaised: Bool { flag.load(ordering: .relaxed) }
  package func raise() { flag.store(true, ordering: .relaxed) }
}
