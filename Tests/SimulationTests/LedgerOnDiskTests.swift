// The real ledger and publication on simulated disks. A debug build takes some of the calls, an
// optimised one takes all.
import Glibc
import Simulation
import Testing

struct LedgerOnDiskTests {
  #if DEBUG
    static let stride = 89
  #else
    static let stride = 1
  #endif

  /// Local disks of every kind, and networks.
  static let models: [(name: String, model: DiskModel)] = {
    var models: [(name: String, model: DiskModel)] = [("local", DiskModel())]
    func add(_ name: String, _ change: (inout DiskModel) -> Void) {
      var model = DiskModel()
      change(&model)
      models.append((name, model))
    }
    add("without links") { $0.hasLinks = false }
    add("without rename rules") { $0.hasRenameRules = false }
    add("splitting renames") { $0.splitsRenames = true }
    add("network") { $0.isNetwork = true }
    models.append(("poor network", .poorNetwork))
    return models
  }()

  private func expectNothing(_ trial: LedgerTrial, lives: Int, _ name: String = "") {
    #expect(trial.breaches.isEmpty, "\(name)")
    #expect(trial.lifeCount >= lives, "\(name): only \(trial.lifeCount) lives")
  }

  @Test(arguments: models.indices)
  func `a merge broken off after any call ends with the right bytes`(_ index: Int) {
    let trial = LedgerTrial(Self.models[index].model)
    trial.breakOff(LedgerTrial.Aftermath.all, stride: Self.stride)
    expectNothing(trial, lives: 10, Self.models[index].name)
  }

  @Test func `a merge broken off twice ends with the right bytes`() {
    let trial = LedgerTrial()
    trial.breakOff(LedgerTrial.Aftermath.all, depth: 2, stride: Self.stride)
    expectNothing(trial, lives: 5)
  }

  @Test(arguments: [0, 2, 5])
  func `an output that is replaced is the old one or the new one at any call`(_ index: Int) {
    let trial = LedgerTrial(Self.models[index].model, overwrites: true)
    trial.breakOff(LedgerTrial.Aftermath.all, stride: Self.stride)
    expectNothing(trial, lives: 10, Self.models[index].name)
  }

  static let effects: [DiskFault.Effect] = [
    .fails(errno: EIO), .fails(errno: ENOSPC), .writesShort, .succeedsThenFails(errno: EIO),
    .succeedsThenFails(errno: EEXIST), .succeedsThenFails(errno: ENOENT),
    .losesPages(errno: EIO),
  ]

  @Test(arguments: effects.indices)
  func `after any call that fails the next run completes`(_ index: Int) {
    for (number, entry) in Self.models.enumerated()
    where Self.stride == 1 || (number + index) % 3 == 0 {
      let trial = LedgerTrial(entry.model)
      for way in [LedgerTrial.Aftermath.killed, .powerCut(.scattered)] {
        trial.fail(
          Self.effects[index], then: way, first: 1 + (number * 7 + index) % Self.stride,
          stride: Self.stride * 2)
      }
      expectNothing(trial, lives: 6, entry.name)
    }
  }

  @Test func `an error that is told of a call that succeeded does not stop a rename or a link`() {
    let trial = LedgerTrial()
    trial.fail(.succeedsThenFails(errno: EEXIST), kind: .link, then: .killed)
    trial.fail(.succeedsThenFails(errno: ENOENT), kind: .renameKeeping, then: .killed)
    expectNothing(trial, lives: 16)
    #expect(trial.refusalCount == 0)
  }

  @Test(arguments: 0..<3)
  func `a merge gets through a series of faults and ends`(_ seed: Int) {
    for entry in Self.models {
      let trial = LedgerTrial(entry.model)
      trial.suffer(lives: 4, seed: UInt64(seed))
      expectNothing(trial, lives: 5, "\(entry.name), seed \(seed)")
    }
  }

  @Test func `another host goes on where the first one died, whatever it remembers`() {
    var stale = DiskModel.poorNetwork
    stale.hasLocks = true
    for model in [stale, .poorNetwork] {
      let trial = LedgerTrial(model)
      trial.moveOn([.killed, .powerCut(.everything)], stride: Self.stride)
      expectNothing(trial, lives: 10)
    }
  }

  @Test(arguments: [false, true])
  func `a coordinator that was frozen and replaced harms nothing when it wakes`(overwrites: Bool) {
    let trial = LedgerTrial(.poorNetwork, overwrites: overwrites)
    trial.haunt(stride: Self.stride)
    for calls in [50, 150, 230, 280] {
      trial.haunt(dyingBy: DiskFault(.dies(after: true), at: calls), stride: Self.stride * 2)
    }
    expectNothing(trial, lives: 10)
  }

  @Test(arguments: [false, true])
  func `one that wakes while it fills publish does not make again what its successor removed`(
    overwrites: Bool
  ) {
    let trial = LedgerTrial(.poorNetwork, overwrites: overwrites)
    trial.haunt { $0.kind == .create && $0.path.hasSuffix("publish/tokenizer.json") }
    trial.haunt { $0.kind == .createFolder && $0.path.hasSuffix("/epoch") }
    expectNothing(trial, lives: 10)
  }

  @Test func `one that wakes does not publish what its dead successor had in hand`() {
    let trial = LedgerTrial(.poorNetwork)
    let death = DiskFault(.dies(after: true), kind: .write, pathPart: "publish/shardweld.json.part")
    trial.haunt(dyingBy: death) { $0.kind == .create && $0.path.hasSuffix("publish/code/model.py") }
    expectNothing(trial, lives: 5)
  }

  @Test func `no power cut takes publish with the only name of a committed shard`() {
    let trial = LedgerTrial()
    trial.breakOff(LedgerTrial.Aftermath.all, stride: 2) {
      $0.path.hasSuffix("/publish") || $0.kind == .renameKeeping
    }
    expectNothing(trial, lives: 50)
  }

  @Test func `deleting the journal at any call loses nothing`() {
    let trial = LedgerTrial()
    trial.loseJournal(stride: Self.stride)
    expectNothing(trial, lives: 6)
  }

  // MARK: The trials themselves

  @Test(arguments: [DiskOperation.Kind.flush, .flushFolder])
  func `a flush that does nothing is noticed`(_ kind: DiskOperation.Kind) {
    let trial = LedgerTrial()
    trial.sabotage = [DiskFault(.lies, isLasting: true, kind: kind)]
    trial.breakOff([.powerCut(.everything), .powerCut(.contents)], stride: 7)
    #expect(!trial.breaches.isEmpty)
  }

  @Test(arguments: [
    (DiskOperation.Kind.flush, ".safetensors"), (.flush, "/commit/"), (.flush, "shardweld.json"),
    (.flushFolder, "/commit"), (.flushFolder, "/attempt"), (.flushFolder, "/publish"),
  ])
  func `a flush that is left out in one place is noticed`(
    _ kind: DiskOperation.Kind, _ place: String
  ) {
    let trial = LedgerTrial()
    trial.sabotage = [DiskFault(.lies, isLasting: true, kind: kind, pathPart: place)]
    trial.breakOff([.powerCut(.everything), .powerCut(.contents)], stride: 7)
    #expect(!trial.breaches.isEmpty, "\(kind) of \(place)")
  }

  @Test func `the same trial makes the same calls`() {
    func trace() -> [Int] {
      let trial = LedgerTrial()
      trial.suffer(lives: 3, seed: 5)
      return [trial.operationCount, trial.refusalCount]
    }
    #expect(trace() == trace())
  }
}
