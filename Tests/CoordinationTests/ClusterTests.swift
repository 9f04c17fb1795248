import Coordination
import Dispatch
import Ledger
import Messaging
import Planning
import Publishing
import Storage
import Synchronization
import TestSupport
import Testing
import Working

/// Coordinator and worker shells on threads of one process, over a real socket and real files.
@Suite(.serialized, .timeLimit(.minutes(30))) struct ClusterTests {
  let serverKeys = KeyPair.generate()

  /// Workers on threads of their own; their exits once all have ended.
  final class Workers: Sendable {
    let exits = Mutex<[WorkerExit]>([])
    private let group = DispatchGroup()

    func start(_ count: Int, at endpoint: String, _ serverKey: PublicKey, _ keys: KeyPair) {
      nonisolated(unsafe) let keys = keys
      for number in 1...count {
        DispatchQueue(label: "worker \(number)").async(group: group) { [self] in
          let exit: WorkerExit
          do throws(MessagingError) {
            let link = try DealerLink(
              endpoint: endpoint, serverKey: serverKey, keys: unsafe keys)
            let settings = WorkerSettings(
              host: "test", processID: 1_000_000 + number, threads: 1,
              memoryByteCount: 64_000_000, life: UInt64.random(in: 1 ... .max))
            exit = WorkerShell(
              link: link, signals: nil, settings: settings,
              thread: MergeThread(MergeThread.Settings(settings, kernel: "any"))
            ).run()
          } catch {
            exit = .refused(reason: error.sentence)
          }
          exits.withLock { $0.append(exit) }
        }
      }
    }

    func wait() -> [WorkerExit] {
      group.wait()
      return exits.withLock { $0 }
    }
  }

  /// A whole run with so many workers, which are admitted unless said otherwise.
  func run(
    _ merge: TinyMerge, workers count: Int, readsBack: Bool = true, auditPercent: Int = 0,
    during: @escaping (CoordinatorShell, ProgressSnapshot) -> Void = { _, _ in }
  ) throws -> (CoordinationOutcome, [WorkerExit]) {
    let keys = KeyPair.generate()
    // A path of its own for each life, as for each process of a real coordinator: libzmq frees the
    // address of a link that is gone only some time later.
    let endpoint = "ipc://" + merge.scratch("socket-" + keys.publicKey.text.filter(\.isLetter))
    let link = try RouterLink(
      endpoint: endpoint, keys: serverKeys, allowList: AllowList([keys.publicKey: "local"]))
    let workers = Workers()
    var options = CoordinatorShell.Options()
    options.readsBack = readsBack
    options.auditPercent = auditPercent
    let ledger = try merge.openLedger()
    let disk = DiskThread(
      DiskWork(
        ledger: ledger, publication: merge.publication, jobs: merge.plan.jobs, overwrites: false))
    // The shell reports to a closure that speaks to the shell.
    var shell: CoordinatorShell?
    let made = CoordinatorShell(
      jobs: merge.facts(ledger), folder: ledger.folder, epoch: ledger.epoch,
      planDigest: merge.encoded.digest.description, disk: disk, link: link, signals: nil,
      options: options,
      report: { snapshot in if let shell { during(shell, snapshot) } })
    shell = made
    if count > 0 { workers.start(count, at: endpoint, serverKeys.publicKey, keys) }
    let outcome = made.run()
    shell = nil
    return (outcome, count > 0 ? workers.wait() : [])
  }

  func check(_ merge: TinyMerge) throws {
    for (job, expected) in zip(merge.plan.jobs, try merge.expectedShards()) {
      #expect(try merge.scratch.read("output/" + job.shardName) == expected)
    }
    #expect(try merge.scratch.read("output/config.json") == merge.scratch.read("base/config.json"))
  }

  @Test(arguments: [1, 2]) func `workers merge a checkpoint as one process would`(
    workers: Int
  ) throws {
    let merge = try TinyMerge()
    let (outcome, exits) = try run(merge, workers: workers)
    guard case .finished(let summary) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(summary.jobs == 4 && summary.jobsKept == 0 && summary.retries == 0)
    #expect(summary.published.shardCount == 4)
    #expect((1...workers).contains(summary.workersUsed))
    #expect(exits == Array(repeating: .dismissed, count: workers))
    try check(merge)
  }

  @Test func `shards are committed unread where nobody shall read them back`() throws {
    let merge = try TinyMerge()
    let (outcome, _) = try run(merge, workers: 2, readsBack: false)
    guard case .finished = outcome else {
      Issue.record("\(outcome)")
      return
    }
    try check(merge)
    let history = try JobHistory.read(merge.folder)
    #expect(history.committed.values.allSatisfy { $0.readBackBy.isEmpty })
  }

  @Test func `audited shards are made twice and published once`() throws {
    let merge = try TinyMerge()
    let (outcome, _) = try run(merge, workers: 2, auditPercent: 100)
    guard case .finished(let summary) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(summary.retries == 0)
    try check(merge)
    let history = try JobHistory.read(merge.folder)
    for job in 0..<4 {
      let merged = history.journal.filter { $0.kind == "merged" && $0.attempt?.job == job }
      #expect(Set(merged.map(\.text)).count == 1)
      #expect(Set(merged.map(\.worker)).count == 2)
    }
    let left = try Folder.list(merge.folder.attempts)
    #expect(left.allSatisfy { $0.hasSuffix(".json") } && left.count == 4)
  }

  @Test func `the history says who read each shard back`() throws {
    let merge = try TinyMerge()
    _ = try run(merge, workers: 2)
    let history = try JobHistory.read(merge.folder)
    #expect(history.committed.count == 4)
    for commit in history.committed.values {
      let entry = history.journal.first { $0.kind == "readBack" && $0.attempt == commit.attempt }
      #expect(entry?.worker == commit.readBackBy)
      #expect(entry?.text == commit.digest)
    }
  }

  @Test func `a run goes on from what an earlier one committed`() throws {
    let merge = try TinyMerge()
    // Without the adapter only the job that copies can be done.
    let adapter = merge.plan.inputs[1].path
    try Folder.move(from: adapter, to: adapter + ".away")
    let (first, _) = try run(merge, workers: 2)
    guard case .failed(let reasons) = first else {
      Issue.record("\(first)")
      return
    }
    #expect(reasons.first?.hasPrefix("incomplete: 3 of 4 shards failed, 1 are committed") == true)
    #expect(reasons.first?.contains(adapter) == true)
    let commit = try JobHistory.read(merge.folder).committed[0]
    #expect(commit != nil)

    try Folder.move(from: adapter + ".away", to: adapter)
    let (second, _) = try run(merge, workers: 2)
    guard case .finished(let summary) = second else {
      Issue.record("\(second)")
      return
    }
    #expect(summary.jobsKept == 1)
    #expect(try JobHistory.read(merge.folder).committed[0] == commit)
    try check(merge)
  }

  @Test func `a weight that is not finite fails the run and names the tensor`() throws {
    let merge = try TinyMerge(scale: 1e300)
    let (outcome, exits) = try run(merge, workers: 2)
    guard case .failed(let reasons) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(reasons.count == 1)
    #expect(reasons.first?.hasPrefix("incomplete: 3 of 4 shards failed, 1 are committed") == true)
    for job in 1...3 { #expect(reasons.first?.contains("layer.\(job).") == true) }
    #expect(exits == [.dismissed, .dismissed])
    #expect(try FileStatus.of(merge.output) == nil)
  }

  @Test func `a run without workers fails once none can come`() throws {
    let merge = try TinyMerge()
    let (outcome, _) = try run(merge, workers: 0) { shell, _ in
      shell.processes.post(.noneLeft(reason: "all workers ended"))
    }
    #expect(outcome == .failed(reasons: ["all workers ended"]))
  }

  @Test func `a worker with a key nobody knows is refused`() throws {
    let merge = try TinyMerge()
    let endpoint = "ipc://" + merge.scratch("socket")
    let link = try RouterLink(endpoint: endpoint, keys: serverKeys, allowList: AllowList())
    let workers = Workers()
    workers.start(1, at: endpoint, serverKeys.publicKey, .generate())
    while workers.exits.withLock({ $0.isEmpty }) { Poll.wait(link, timeoutMilliseconds: 20) }
    #expect(workers.wait() == [.keyRefused])
  }

  @Test func `a worker that expects another coordinator says so`() throws {
    let merge = try TinyMerge()
    let endpoint = "ipc://" + merge.scratch("socket")
    let keys = KeyPair.generate()
    let link = try RouterLink(
      endpoint: endpoint, keys: serverKeys, allowList: AllowList([keys.publicKey: "w"]))
    let workers = Workers()
    workers.start(1, at: endpoint, KeyPair.generate().publicKey, keys)
    while workers.exits.withLock({ $0.isEmpty }) { Poll.wait(link, timeoutMilliseconds: 20) }
    #expect(workers.wait() == [.wrongServerKey])
  }
}
