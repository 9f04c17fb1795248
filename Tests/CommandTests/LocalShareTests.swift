import Planning
import Storage
import Testing

@testable import shardweld

/// What local workers get where the flags leave it open.
struct LocalShareTests {
  private func share(
    _ host: HostShare, jobsLeft: Int = 100, jobByteCount: Int64 = 80_000_000,
    _ change: (inout MergeFlags) -> Void = { _ in }
  ) throws -> LocalShare {
    var flags = MergeFlags()
    change(&flags)
    return try LocalShare(flags, jobsLeft: jobsLeft, jobByteCount: jobByteCount, host)
  }

  private func count(
    workers: Int? = nil, audit: Int = 0, cores: Int = 4, jobsLeft: Int = 10
  ) throws -> Int {
    try share(HostShare(cores: cores), jobsLeft: jobsLeft) { flags in
      flags.workers = workers
      flags.audit = audit
    }.workers
  }

  @Test func `there is a worker for each core, and none without a job`() throws {
    #expect(try count() == 4)
    #expect(try count(workers: 7) == 7)
    #expect(try count(jobsLeft: 3) == 3)
    #expect(try count(workers: 7, jobsLeft: 3) == 3)
    #expect(try count(jobsLeft: 0) == 1)
  }

  @Test func `an audit has two workers, whatever the cores and jobs`() throws {
    #expect(try count(audit: 1, cores: 1) == 2)
    #expect(try count(audit: 100, jobsLeft: 1) == 2)
    #expect(try count(workers: 5, audit: 100, jobsLeft: 1) == 2)
    #expect(try count(audit: 100, cores: 8) == 8)
    #expect(try count(audit: 5, jobsLeft: 0) == 2)
  }

  @Test func `cores are shared between few workers`() throws {
    #expect(try share(HostShare(cores: 8), jobsLeft: 3).threads == 2)
    #expect(try share(HostShare(cores: 8)) { $0.threads = 3 }.threads == 3)
  }

  // MARK: Memory

  @Test func `where no group limits it each has 256 MB`() throws {
    #expect(try share(HostShare(cores: 64)).memoryByteCount == 256_000_000)
  }

  @Test func `workers share what a group has beside the coordinator`() throws {
    let share = try share(HostShare(cores: 4, memoryByteCount: 664_000_000))
    #expect(share.workers == 4 && share.memoryByteCount == 150_000_000)
  }

  @Test func `where so many could not do every job there are fewer`() throws {
    let host = HostShare(cores: 8, memoryByteCount: 464_000_000)
    let many = try share(host)
    #expect(many.workers == 5 && many.memoryByteCount == 80_000_000 && many.threads == 1)
    let few = try share(host, jobByteCount: 130_000_000)
    #expect(few.workers == 3 && few.memoryByteCount == 400_000_000 / 3 && few.threads == 2)
  }

  @Test func `what is told stays as told`() throws {
    let host = HostShare(cores: 8, memoryByteCount: 864_000_000)
    let told = try share(host) { flags in
      flags.workers = 8
      flags.memoryLimit = 1 << 30
    }
    #expect(told.workers == 8 && told.memoryByteCount == 1 << 30)
    let workers = try share(host) { $0.workers = 8 }
    #expect(workers.workers == 8 && workers.memoryByteCount == 100_000_000)
  }

  @Test func `a group with too little for one is refused`() {
    let error = #expect(throws: CommandError.self) {
      try share(HostShare(cores: 2, memoryByteCount: 100_000_000))
    }
    #expect(
      error?.sentence
        == "the control group of this process has 100 MB of memory, but the least that works is "
        + "143 MB; give it more, or --memory-limit to go beyond it")
    #expect(error?.exitCode == .badInput)
  }

  @Test func `a worker alone has all of its group`() throws {
    let host = HostShare(cores: 2, memoryByteCount: 128_000_000)
    #expect(try MemoryLimit.own(nil, threads: 2, host) == 128_000_000)
    #expect(try MemoryLimit.own(1 << 30, threads: 2, host) == 1 << 30)
    #expect(try MemoryLimit.own(nil, threads: 2, HostShare(cores: 2)) == 256_000_000)
    #expect(throws: MemoryLimit.shortage(50_000_000, needed: MemoryLimit.least(threads: 1))) {
      try MemoryLimit.own(nil, threads: 1, HostShare(cores: 2, memoryByteCount: 50_000_000))
    }
  }

  // MARK: --io-limit

  @Test func `the rate is divided between the workers`() throws {
    let share = try share(HostShare(cores: 4)) { $0.ioLimit = 1_000_000_001 }
    #expect(share.ioLimit == 250_000_000)
    #expect(
      share.words == [
        "--threads", "1", "--memory-limit", "256000000", "--io-limit", "250000000/s",
      ])
    guard
      case .run(let flags) = try WorkerFlags.declaration.parse(
        ["--connect", "tcp://h:1", "--keys", "K"] + share.words)
    else {
      Issue.record("help")
      return
    }
    #expect(flags.ioLimit == 250_000_000 && flags.memoryLimit == 256_000_000)
  }

  @Test func `without a rate no worker has one`() throws {
    let share = try share(HostShare(cores: 4))
    #expect(share.ioLimit == nil && share.words.count == 4)
  }
}
