// What each local worker of a merge gets of this machine, where the flags leave it open.
import Planning
import Storage

/// The workers of one machine, all alike.
struct LocalShare: Equatable {
  var workers: Int
  /// Of each.
  var threads: Int
  /// Bytes of each.
  var memoryByteCount: Int64
  /// Bytes a second of each; nil is no limit.
  var ioLimit: Int64?

  /// What the process that hands out takes beside them, but for a large plan.
  static let coordinatorByteCount: Int64 = 64_000_000

  /// One worker per core and no more than have a job; fewer where a control group has no memory for
  /// so many that can do every job (the largest takes `jobByteCount`); last of all smaller ones.
  init(
    _ flags: MergeFlags, jobsLeft: Int, jobByteCount: Int64, _ host: HostShare
  ) throws(CommandError) {
    func threads(_ count: Int) -> Int { flags.threads ?? max(1, host.cores / count) }
    let fewest = flags.audit > 0 ? 2 : 1
    // Two where one shall check the other's merges.
    var count = max(min(flags.workers ?? host.cores, jobsLeft), fewest)
    memoryByteCount = flags.memoryLimit ?? MemoryLimit.usual
    if flags.memoryLimit == nil, let memory = host.memoryByteCount {
      let rest = memory - Self.coordinatorByteCount
      func least() -> Int64 { MemoryLimit.least(threads: threads(count)) }
      func fits() -> Bool {
        rest / Int64(count) >= max(least(), min(jobByteCount, MemoryLimit.usual))
      }
      while flags.workers == nil, count > fewest, !fits() { count -= 1 }
      guard rest / Int64(count) >= least() else {
        throw MemoryLimit.shortage(
          memory, needed: Self.coordinatorByteCount + Int64(count) * least())
      }
      memoryByteCount = min(MemoryLimit.usual, rest / Int64(count))
    }
    workers = count
    self.threads = threads(count)
    ioLimit = flags.ioLimit.map { max(1, $0 / Int64(count)) }
  }

  /// The flags of a worker.
  var words: [String] {
    ["--threads", "\(threads)", "--memory-limit", "\(memoryByteCount)"]
      + (ioLimit.map { ["--io-limit", "\($0)/s"] } ?? [])
  }
}
