import Merging
import Messaging
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Working

/// The thread that merges, with a plan of one copied tensor.
@Suite struct MergeThreadTests {
  let scratch = Scratch()
  let folder: JobFolder
  let plan: MergePlan
  let encoded: EncodedPlan
  let thread = MergeThread(
    MergeThread.Settings(
      WorkerSettings(
        host: "n1", processID: 77, threads: 1, memoryByteCount: 64_000_000, life: 1),
      kernel: "plain"))
  let attempt = AttemptID(job: 0, epoch: 1, attempt: 1)

  init() throws {
    var random = SeededGenerator(seed: 1)
    let tensor = SampleTensor("w", .f32, [64, 64], from: &random)
    let path = try scratch.write("base.safetensors", [tensor])
    let header = try ShardHeader.read(path)
    let recipe = TensorRecipe(
      name: "w", dtype: .f32, shape: [64, 64], columns: 64, offset: 0,
      source: TensorBytes(
        file: 0, offset: header.headerByteCount, dtype: .f32, elementCount: 4096),
      updates: [])
    var job = MergeJob(
      id: 0, shardName: "model.safetensors", recipes: [recipe], headerByteCount: 0, byteCount: 0)
    job.headerByteCount = Int64(job.header?.count ?? 0)
    job.byteCount = job.headerByteCount + recipe.byteCount
    plan = MergePlan(
      basePath: scratch.path, options: MergeOptions(),
      inputs: [
        InputFile(
          role: .base, path: path, name: "base.safetensors", byteCount: header.fileByteCount,
          modified: header.modified, headerDigest: header.digest.description)
      ],
      adapters: [], jobs: [job], hasIndex: false, configChanges: [], setAside: [], warnings: [])
    encoded = PlanCodec.encode(plan)
    folder = JobFolder(path: scratch("job"))
    try scratch.write("job/plan.json", encoded.bytes)
    try Folder.create(folder.attempts)
  }

  func run(_ assignment: Assignment, stopped: Bool = false) -> Outcome? {
    let stop = StopFlag()
    if stopped { stop.raise() }
    thread.start(assignment, in: folder, stop: stop)
    thread.rest(milliseconds: 30_000)
    for case .ended(_, let outcome) in thread.events.takeAll() { return outcome }
    return nil
  }

  func failure(_ sentence: String) -> Outcome {
    .failed(TaskFailure(.storage, sentence))
  }

  @Test func `a merge leaves a shard and a record that say the same`() throws {
    let outcome = run(.merge(attempt, encoded.slices[0], byteCount: 1))
    let bytes = try WholeFile.read(folder.record(attempt))
    let record = try AttemptRecord.decode(bytes)
    #expect(
      outcome
        == .merged(
          byteCount: plan.jobs[0].byteCount, digest: record.digest,
          recordDigest: Digest.xxh3(bytes).description))
    #expect(record.attempt == attempt && record.host == "n1" && record.kernel == "plain")
    #expect(
      Digest.xxh3(try WholeFile.read(folder.shard(attempt))).description == record.digest)
    // A tensor in, a shard out, and the shard in again.
    #expect(thread.movedByteCount == 4 * 4096 + record.byteCount)
    #expect(
      run(.readBack(attempt)) == .readBack(byteCount: record.byteCount, digest: record.digest))
    #expect(thread.movedByteCount == 4 * 4096 + 2 * record.byteCount)
  }

  @Test func `a shard is written before it is flushed, and flushed before the next is written`() {
    let merges = (1...3).map { number in
      Assignment.merge(
        AttemptID(job: 0, epoch: 1, attempt: number), encoded.slices[0], byteCount: 1)
    }
    for merge in merges { thread.start(merge, in: folder, stop: StopFlag()) }
    thread.rest(milliseconds: 30_000)
    var ends: [TaskID] = []
    var last: WorkerMachine.Event?
    for event in thread.events.takeAll() {
      switch event {
      case .written(let task):
        if let last, case .written = last { Issue.record("two flushes at once") }
        #expect(!ends.contains(task))
        last = event
      case .ended(let task, .merged):
        #expect(last == .written(task))
        ends.append(task)
        last = event
      default: continue
      }
    }
    #expect(ends == merges.map(\.task))
  }

  @Test func `a task told to stop is handed back and leaves no shard`() throws {
    #expect(run(.merge(attempt, encoded.slices[0], byteCount: 1), stopped: true) == .handedBack)
    #expect(try FileStatus.of(folder.shard(attempt)) == nil)
  }

  @Test func `a plan that is not the coordinator's is refused`() {
    var slice = encoded.slices[0]
    let found = slice.digest
    slice.digest = "xxh3:other"
    #expect(
      run(.merge(attempt, slice, byteCount: 1))
        == failure(
          "\(folder.plan) is not the plan that was made: xxh3:other expected, \(found) found; "
            + "does this host see the same folder?"))
  }

  @Test func `a part beyond the plan's end is refused`() {
    let slice = PlanSlice(offset: Int64.max - 1, byteCount: 10, digest: "xxh3:x")
    #expect(
      run(.merge(attempt, slice, byteCount: 1))
        == failure(
          "\(folder.plan) ends early: 10 bytes expected at offset \(Int64.max - 1), 0 found; "
            + "the file is truncated or changed while it was read"))
  }

  @Test func `a part larger than any job's is refused`() {
    let slice = PlanSlice(offset: 0, byteCount: 1 << 40, digest: "xxh3:x")
    let size = encoded.bytes.count
    #expect(
      run(.merge(attempt, slice, byteCount: 1))
        == failure(
          "\(folder.plan) ends early: \(1 << 40) bytes expected at offset 0, \(size) found; "
            + "the file is truncated or changed while it was read"))
  }

  @Test func `a part that describes another job is refused`() {
    let other = AttemptID(job: 3, epoch: 1, attempt: 1)
    #expect(
      run(.merge(other, encoded.slices[0], byteCount: 1))
        == failure("\(folder.plan) has job 0 where job 3 is expected"))
  }

  @Test func `a part that is no job is refused`() {
    let digest = Digest.xxh3(Array(encoded.bytes[..<1])).description
    let outcome = run(
      .merge(attempt, PlanSlice(offset: 0, byteCount: 1, digest: digest), byteCount: 1))
    guard case .failed(let failure)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(failure.cause == .storage)
    #expect(failure.reason.hasPrefix("\(folder.plan) is damaged: "))
  }

  @Test func `an input that changed is the inputs' fault`() throws {
    try scratch.write("base.safetensors", [UInt8](repeating: 0, count: 9))
    guard case .failed(let failure)? = run(.merge(attempt, encoded.slices[0], byteCount: 1)) else {
      Issue.record("a changed input was merged")
      return
    }
    #expect(failure.cause == .input)
  }

  @Test func `an attempt that is there already is not overwritten`() throws {
    try scratch.write("job/attempt/\(attempt).shard", "mine")
    #expect(
      run(.merge(attempt, encoded.slices[0], byteCount: 1))
        == failure("\(folder.shard(attempt)) exists already"))
    #expect(try WholeFile.read(folder.shard(attempt)) == Array("mine".utf8))
  }

  @Test func `a read-back without a record is refused`() {
    #expect(
      run(.readBack(attempt))
        == failure("cannot open \(folder.record(attempt)): No such file or directory"))
  }

  @Test func `errors say whose fault they are, and what is full`() {
    let full = StorageError.noSpace(path: "/a", neededByteCount: 5)
    #expect(WorkingError.storage(full).cause == .noSpace)
    #expect(WorkingError.merging(.storage(full)).cause == .noSpace)
    #expect(WorkingError.noDigest(path: "/a").cause == .storage)
    #expect(WorkingError.noDigest(path: "/a").sentence == "/a names no digest of its shard")
  }
}
