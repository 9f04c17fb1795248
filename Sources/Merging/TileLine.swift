// Tiles on their way: each is prepared on any thread, then passes a gate in tile order, then is
// stored while the next ones are prepared and pass. What is done at the gate sees the same order
// for any number of threads; that is where digests are taken.
import Dispatch
import Planning

/// The threads of a job: the caller's and a queue for each further one, every one with a workbench.
final class Crew {
  let benches: [Workbench]
  /// Serial, so that each has a thread whatever else the process is waiting for.
  fileprivate let queues: [DispatchQueue]

  init(_ budget: TileBudget) {
    benches = (0..<budget.threads).map { _ in Workbench(budget) }
    queues = benches.dropFirst().map { _ in DispatchQueue(label: "merging") }
  }
}

/// Runs the tiles of one tensor on a crew.
///
/// Unchecked: `next` and `failure` are read and written under `lock`, the closures touch their own
/// workbench, and what they share they touch at the gate alone.
final class TileLine: @unchecked Sendable {
  private let count: Int
  private let crew: Crew
  private let prepare: (_ bench: Workbench, _ tile: Int) throws(MergingError) -> Void
  private let pass: (_ bench: Workbench, _ tile: Int) -> Void
  private let store: (_ bench: Workbench, _ tile: Int) throws(MergingError) -> Void
  private let rest: () throws(MergingError) -> Void
  private let lock = DispatchSemaphore(value: 1)
  /// Tile t waits at gate t modulo their number. No two tiles wait at one gate: a thread takes the
  /// next tile only when its last one has passed.
  private let gates: [DispatchSemaphore]
  private var next = 0
  private var failure: MergingError?

  /// `prepare` runs at any time, `pass` in tile order and never twice at once, `store` after it,
  /// and after that `rest` on every thread but the caller's, which has `report` in its place.
  init(
    count: Int, _ crew: Crew,
    prepare: @escaping (_ bench: Workbench, _ tile: Int) throws(MergingError) -> Void,
    pass: @escaping (_ bench: Workbench, _ tile: Int) -> Void = { _, _ in },
    store: @escaping (_ bench: Workbench, _ tile: Int) throws(MergingError) -> Void = {
      (_, _) throws(MergingError) in
    },
    rest: @escaping () throws(MergingError) -> Void = { () throws(MergingError) in }
  ) {
    self.count = count
    self.crew = crew
    self.prepare = prepare
    self.pass = pass
    self.store = store
    self.rest = rest
    gates = (0..<max(1, min(crew.benches.count, count))).map { _ in DispatchSemaphore(value: 0) }
  }

  /// Runs all tiles. After each of its own tiles the caller's thread calls `report`: that tile and
  /// all before it have passed. Its failure, or the first of a tile in tile order, ends the run.
  func run(report: (_ tile: Int) throws(MergingError) -> Void) throws(MergingError) {
    guard count > 0 else { return }
    gates[0].signal()
    let group = DispatchGroup()
    for thread in 1..<max(1, gates.count) {
      crew.queues[thread - 1].async(group: group) {
        self.work(self.crew.benches[thread]) { (_) throws(MergingError) in try self.rest() }
      }
    }
    work(crew.benches[0], report: report)
    group.wait()
    if let failure { throw failure }
  }

  private func work(_ bench: Workbench, report: (Int) throws(MergingError) -> Void) {
    while let tile = take() {
      var mine: MergingError?
      do throws(MergingError) { try prepare(bench, tile) } catch { mine = error }
      gates[tile % gates.count].wait()
      if let mine { fail(mine) }
      let isOn = !hasFailed
      if isOn { pass(bench, tile) }
      gates[(tile + 1) % gates.count].signal()
      guard isOn else { continue }
      do throws(MergingError) {
        try store(bench, tile)
        try report(tile)
      } catch { fail(error) }
    }
  }

  private func take() -> Int? {
    lock.wait()
    defer { lock.signal() }
    guard failure == nil, next < count else { return nil }
    next += 1
    return next - 1
  }

  private var hasFailed: Bool {
    lock.wait()
    defer { lock.signal() }
    return failure != nil
  }

  private func fail(_ error: MergingError) {
    lock.wait()
    defer { lock.signal() }
    if failure == nil { failure = error }
  }
}
