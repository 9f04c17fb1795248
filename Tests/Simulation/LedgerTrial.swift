// The ledger and the publication tried on a simulated disk: a merge is broken off at every call, in
// every way, and must then finish undisturbed with exactly the right bytes.
import Storage

/// Trials of one small merge on one kind of disk; `breaches` is empty where all promises held.
package final class LedgerTrial {
  /// What follows when a life ends by force.
  package enum Aftermath: Equatable, Sendable {
    /// The process is killed; the cache stays.
    case killed
    /// The machine loses its power.
    case powerCut(Loss)

    package static let all = [Aftermath.killed] + Loss.allCases.map { .powerCut($0) }
  }

  package let merge: SmallMerge
  /// Faults that fall on every life: to see that the trials notice a verb that is broken.
  package var sabotage: [DiskFault] = []
  /// What went wrong, the first few.
  package private(set) var breaches: [String] = []
  /// Lives that ran to an end of some kind.
  package private(set) var lifeCount = 0
  package private(set) var operationCount = 0
  /// Lives that met an error and said so.
  package private(set) var refusalCount = 0

  let start: SimulatedDisk
  let overwrites: Bool
  let expected: [(name: String, bytes: [UInt8])]
  private let replaced: [(name: String, bytes: [UInt8])]?
  private var seed: UInt64 = 0
  private(set) var lastError = ""
  /// Calls of the last life that its fault was looked for at.
  private var lastFaultCount = 0

  /// `overwrites`: an older output of one file is there and shall be replaced.
  package init(_ model: DiskModel = DiskModel(), jobCount: Int = 3, overwrites: Bool = false) {
    merge = SmallMerge(jobCount: jobCount)
    self.overwrites = overwrites
    start = SimulatedDisk(model, seed: 0)
    let merge = merge
    let process = start.process(host: "n0", processID: 1)
    do {
      try process.run { () throws(StorageError) in
        try Folder.create("/data")
        try merge.writeInputs()
        if overwrites {
          try Folder.create(merge.output)
          try WholeFile.write([1, 2, 3], to: Path.join(merge.output, "config.json"))
          try Folder.flush("/data")
        }
      }
    } catch { fatalError("no inputs on a calm disk: \(error.sentence)") }
    replaced = overwrites ? OutputWatch.files(of: merge.output, on: start) : nil
    let calm = start.copy(seed: 0)
    do {
      let life = MergeLife(merge, overwrites: overwrites)
      let end = try calm.process(host: "n1", processID: 2).run { () throws in try life.run() }
      guard end == .finished, life.breaches.isEmpty else { fatalError("a calm life: \(end)") }
    } catch { fatalError("a calm life fails: \(error)") }
    expected = OutputWatch.files(of: merge.output, on: calm) ?? []
  }

  // MARK: Trials

  /// Breaks a life off after each call that changes anything, in every way given; the next life is
  /// broken off likewise, `depth` lives deep; then one is left alone. Of the calls of each life
  /// that `taking` takes, every `stride`-th is one, from a place that moves on.
  package func breakOff(
    _ aftermaths: [Aftermath], depth: Int = 1, stride: Int = 1,
    taking: @escaping (DiskOperation) -> Bool = { _ in true }
  ) {
    breakOff(
      start.copy(seed: nextSeed()), MergeLife(merge, overwrites: overwrites), aftermaths,
      depth: depth, stride: stride, taking, story: "")
  }

  private func breakOff(
    _ disk: SimulatedDisk, _ life: MergeLife, _ aftermaths: [Aftermath], depth: Int, stride: Int,
    _ taking: @escaping (DiskOperation) -> Bool, story: String
  ) {
    var count = Int(truncatingIfNeeded: nextSeed()) % stride
    var number = 0
    _ = live(disk, life, story) { [self, unowned disk] operation in
      number += 1
      guard taking(operation) else { return }
      count += 1
      guard count % stride == 0, isSound else { return }
      // Deeper down one way is taken at a time, all of them in turn.
      let ways =
        depth > 1 || story.isEmpty ? aftermaths : [aftermaths[lifeCount % aftermaths.count]]
      for way in ways {
        let fork = disk.copy(seed: nextSeed())
        if case .powerCut(let loss) = way { fork.cutPower(loss) }
        let story = story + "call \(number) (\(operation.kind) \(operation.path)) then \(way); "
        let next = life.copy()
        if depth > 1 {
          breakOff(fork, next, aftermaths, depth: depth - 1, stride: stride, taking, story: story)
        } else {
          finish(fork, next, story)
        }
      }
    }
  }

  /// Lets each call of a life fail in a way, every `stride`-th from `first`; what follows is the
  /// aftermath and a life that is left alone.
  package func fail(
    _ effect: DiskFault.Effect, kind: DiskOperation.Kind? = nil, then aftermath: Aftermath,
    first: Int = 1, stride: Int = 1
  ) {
    // How many calls there are, a life without the fault tells.
    let calm = start.copy(seed: nextSeed())
    let never = DiskFault(effect, at: .max, kind: kind)
    _ = live(calm, MergeLife(merge, overwrites: overwrites), "calm; ", faults: [never])
    for at in Swift.stride(from: first, through: lastFaultCount, by: stride) where isSound {
      let disk = start.copy(seed: nextSeed())
      let life = MergeLife(merge, overwrites: overwrites)
      let fault = DiskFault(effect, at: at, kind: kind)
      let story = "\(effect) at call \(at) \(kind.map { "\($0)" } ?? "") then \(aftermath); "
      let end = live(disk, life, story, faults: [fault])
      if case .powerCut(let loss) = aftermath { disk.cutPower(loss) }
      finish(disk, life, story + (end == nil ? "\(lastError); " : ""))
    }
  }

  /// Lives one after the other under faults by chance, each ended by an aftermath by chance; then
  /// one that is left alone.
  package func suffer(lives: Int, seed: UInt64) {
    self.seed = seed &* 1_000_003
    let disk = start.copy(seed: nextSeed())
    let life = MergeLife(merge, overwrites: overwrites)
    var story = "seed \(seed); "
    for _ in 0..<lives {
      _ = live(disk, life, story, chance: 0.01)
      let way = Aftermath.all[Int(disk.generator.next() % UInt64(Aftermath.all.count))]
      if case .powerCut(let loss) = way { disk.cutPower(loss) }
      story += "\(lastError), \(way); "
    }
    finish(disk, life, story)
  }

  // MARK: One life

  /// The last life: nothing disturbs it, and it must leave the right output and nothing else.
  func finish(
    _ disk: SimulatedDisk, _ life: MergeLife, host: String = "n1",
    _ story: @autoclosure () -> String
  ) {
    guard live(disk, life, story(), host: host) != nil else {
      return note(story() + "then: \(lastError)")
    }
    let watch = OutputWatch(merge, expected: expected)
    if !watch.isComplete(on: disk) {
      note(story() + "then the output is \(disk.names(merge.output) ?? [])")
    }
    let left = disk.names("/data") ?? []
    if left != ["base", "out"] { note(story() + "then \(left) are left") }
  }

  /// One life in a process of its own, killed at its end; nil where it met an error.
  func live(
    _ disk: SimulatedDisk, _ life: MergeLife, _ story: @autoclosure () -> String,
    host: String = "n1", faults: [DiskFault] = [], chance: Double = 0,
    _ onChange: ((DiskOperation) -> Void)? = nil
  ) -> MergeLife.End? {
    let process = disk.process(host: host, processID: 2 + lifeCount)
    // A life may come in the middle of another one.
    let outer = (disk.faults, disk.faultChance, disk.onOperation)
    let watch = OutputWatch(merge, expected: expected)
    watch.replaced = replaced
    watch.look(at: disk, after: "the start")
    disk.faults = sabotage + faults
    disk.faultChance = chance
    disk.onOperation = { [unowned disk] operation in
      guard operation.kind.changes, operation.process == process.number else { return }
      watch.look(at: disk, after: "\(operation)")
      onChange?(operation)
    }
    let before = disk.operationCount
    var end: MergeLife.End?
    do { end = try process.run { () throws in try life.run() } } catch {
      lastError = "\(error)"
      refusalCount += 1
    }
    lastFaultCount = disk.faultCount
    (disk.faults, disk.faultChance, disk.onOperation) = outer
    disk.kill(process)
    lifeCount += 1
    operationCount += disk.operationCount - before
    for breach in watch.breaches + life.breaches { note(story() + breach) }
    return end
  }

  /// False once enough went wrong to look at; then trials end early.
  var isSound: Bool { breaches.count < 5 }

  func note(_ breach: String) {
    if isSound { breaches.append(breach) }
  }

  func nextSeed() -> UInt64 {
    seed &+= 1
    return seed
  }
}
