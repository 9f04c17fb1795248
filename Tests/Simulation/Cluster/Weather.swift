// What one seed does to its cluster: each seed draws its own subset of troubles (swarm testing:
// Groce and others, ISSTA 2012), so that no common one hides the rare ones.
package import TestSupport

/// How a simulated worker lies.
package enum Lie: String, Sendable, CaseIterable {
  /// Other bytes than the others make, and their digests: a processor that computes wrongly.
  case computesWrongly
  /// Says another digest of its shard than the shard has.
  case claimsWrongly
  /// Reads files back as what they are not.
  case misreads
  /// Bytes that are no message.
  case talksGarbage
  /// Results of attempts that it was never given.
  case claimsOthers
  /// Says everything again, in the name of an earlier coordinator's time.
  case talksOfThePast
}

/// Something that happens to a process, a line or a disk.
package enum Trouble: String, Sendable, CaseIterable {
  case killWorker, pauseWorker, hangWorker, slowWorker, terminateWorker
  case cutLine, cutLineToWorker, cutLineToCoordinator, dropConnection
  case killCoordinator, pauseCoordinator, secondCoordinator, takeover, stopCoordinator
  case powerCut, dieInCall, failCall, flipBit, fillDisk, deleteJournal
  case barKey
}

/// One seed's draw.
package struct Weather: Sendable {
  package var hosts: Int
  package var workers: Int
  package var jobs: Int
  /// All on one machine: a worker outlives no coordinator, and its death is told at once.
  package var isLocal: Bool
  package var disk = DiskModel()
  /// Calls on files that fail, of all.
  package var faultChance = 0.0

  /// Of a hundred messages.
  package var lost: Int64
  package var repeated: Int64
  package var delayMilliseconds: Int64
  /// Of a hundred messages to a dead coordinator, those that its successor gets.
  package var stale: Int64

  package var readsBack: Bool
  package var auditPercent = 0
  /// Workers that lie in the time of troubles, and how.
  package var liars: [Lie?]
  /// Memory that workers have and jobs need, in units without a meaning.
  package var memory: [Int64]
  package var jobMemory: [Int64]
  /// Milliseconds per step of a merge.
  package var paceMilliseconds: Int64
  package var troubles: [Trouble] = []

  /// After this time nothing bad happens any more, and the merge must come to its end…
  package static let healed: Int64 = 60_000
  /// … before this.
  package static let bound: Int64 = 600_000

  package init(_ random: inout SeededGenerator) {
    isLocal = random.chance(30)
    hosts = isLocal ? 1 : Int(random.number(1...5))
    workers = Int(random.number(1...7))
    jobs = Int(random.number(1...8))
    lost = random.pick([0, 0, 5, 20])
    repeated = random.pick([0, 5, 20])
    delayMilliseconds = random.pick([2, 50, 400, 2_500])
    stale = random.pick([0, 50, 100])
    readsBack = random.chance(85)
    paceMilliseconds = random.pick([50, 300, 1_500, 4_000])
    liars = Array(repeating: nil, count: workers)
    memory = (0..<workers).map { _ in random.pick([1, 2, 3]) }
    memory[0] = 3
    jobMemory = (0..<jobs).map { _ in random.pick([1, 1, 2, 3]) }
    drawDisk(&random)
    if random.chance(20) { auditPercent = random.pick([10, 50, 100]) }
    if random.chance(25) { drawLies(&random) }
    if auditPercent > 0 {
      // An opinion takes two who can have one.
      while memory.count < 2 {
        memory.append(3)
        liars.append(nil)
      }
      workers = max(workers, 2)
      memory = memory.map { _ in 3 }
    }
    let kinds = Trouble.allCases.filter { _ in random.chance(30) }
    if !kinds.isEmpty {
      for _ in 0..<random.number(0...7) { troubles.append(random.pick(kinds)) }
    }
  }

  /// No trouble at all, and the shortest delays: what is broken off step by step.
  package static func calm(jobs: Int, workers: Int) -> Weather {
    var random = SeededGenerator(seed: 1)
    var weather = Weather(&random)
    weather.isLocal = false
    (weather.hosts, weather.workers, weather.jobs) = (2, workers, jobs)
    (weather.lost, weather.repeated, weather.delayMilliseconds, weather.stale) = (0, 0, 2, 0)
    (weather.readsBack, weather.auditPercent, weather.paceMilliseconds) = (true, 0, 300)
    weather.liars = Array(repeating: nil, count: workers)
    weather.memory = Array(repeating: 3, count: workers)
    weather.jobMemory = Array(repeating: 1, count: jobs)
    (weather.disk, weather.faultChance, weather.troubles) = (DiskModel(), 0, [])
    return weather
  }

  /// Makes it likely that a worker hears two coordinators: else that is rare.
  mutating func letTwoSpeak() {
    isLocal = false
    (delayMilliseconds, repeated, paceMilliseconds) = (2_500, 20, 4_000)
    troubles = Array(repeating: .takeover, count: 6)
  }

  private mutating func drawDisk(_ random: inout SeededGenerator) {
    if !isLocal, random.chance(50) {
      disk = random.chance(50) ? .poorNetwork : disk
      disk.isNetwork = true
      disk.staleMilliseconds = random.pick([0, 3_000, 30_000])
    }
    if random.chance(10) { disk.splitsRenames = true }
    if random.chance(10), disk.hasRenameRules { disk.hasLinks = false }
    faultChance = random.pick([0, 0, 0, 0.002, 0.02])
  }

  /// At most one worker lies, so that the honest ones are a majority; one that computes wrongly can
  /// be found out only where every job is merged twice.
  private mutating func drawLies(_ random: inout SeededGenerator) {
    let lie = random.pick(Lie.allCases)
    if lie == .computesWrongly || lie == .claimsWrongly || lie == .misreads {
      workers = max(workers, 4)
      liars = Array(repeating: nil, count: workers)
      memory = Array(repeating: 3, count: workers)
      readsBack = true
    }
    if lie == .computesWrongly { auditPercent = 100 }
    liars[Int(random.number(0...Int64(workers - 1)))] = lie
  }
}
