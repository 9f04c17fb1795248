// Tiles on their way: each is prepared on any thread, then passes a gate in tile order, then is stored
// while the next ones are prepared and pass. What is done at the gate sees the same order for any
// number of threads; that is where digests are taken.
import Dispatch

/// Runs the tiles of one tensor on a fixed number of threads, the caller's among them.
///
/// Unchecked: `next` and `failure` are read and written under `lock`, the closures
/// touch the thread's own workbench, and what they share they touch at the gate alone.
final class TileLine: @unchecked Sendable {
  private let count: Int
  private let threads: Int
  private let prepare: (_ thread: Int, _ tile: Int) throws(MergingError) -> Void
  private let pass: (_ thread: Int, _ tile: Int) -> Void
  private let store: (_ thread: Int, _ tile: Int) throws(MergingError) -> Void
  private let lock = DispatchSemaphore(value: 1)
  /// Tile t waits at gate t mod threads. No two tiles wait at one gate: a thread takes the next tile
  /// only when its last one has passed.
  private let gates: [DispatchSemaphore]
  private var next = 0
  private var failure: MergingError?

  init(
    count: Int, threads: Int,
    prepare: @escaping (_ thread: Int, _ tile: Int) throws(MergingError) -> Void,
    pass: @escaping (_ thread: Int, _ tile: Int) -> Void = { _, _ in },
    store: @escaping (_ thread: Int, _ tile: Int) throws(MergingError) -> Void = {
      (_, _) throws(MergingError) in
    }
  ) {
    self.count = count
    self.threads = max(1, min(threads, count))
    self.prepare = prepare
    self.pass = pass
    self.store = store
    gates = (0..<max(1, min(threads, count))).map { _ in DispatchSemaphore(value: 0) }
  }

  /// Runs all tiles. After each of its own tiles the caller's thread calls `report`: that tile and all
  /// before it have passed. Its failure, or the first of a tile in tile order, ends the run.
  func run(report: (_ tile: Int) throws(MergingError) -> Void) throws(MergingError) {
    guard count > 0 else { return }
    gates[0].signal()
    let group = DispatchGroup()
    for thread in 1..<max(1, threads) {
      DispatchQueue.global().async(group: group) { self.work(thread) { (_) throws(MergingError) in } }
    }
    work(0, report: report)
    group.wait()
    if let failure { throw failure }
  }

  private func work(_ thread: Int, report: (Int) throws(MergingError) -> Void) {
    while let tile = take() {
      var mine: MergingError?
      do throws(MergingError) { try prepare(thread, tile) } catch { mine = error }
      gates[tile % threads].wait()
      if let mine { fail(mine) }
      let isOn = !hasFailed
      if isOn { pass(thread, tile) }
      gates[(tile + 1) % threads].signal()
      guard isOn else { continue }
      do throws(MergingError) {
        try store(thread, tile)
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
