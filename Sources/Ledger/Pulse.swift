// The heartbeat of a coordinator that has its epoch and is not at work yet: it waits for another
// one to let go, or reads what is committed. Longer than three beats of silence would be its death
// to any other that starts.
import Planning
import Storage

/// Beats while a job's folder is being opened.
struct Pulse: ~Copyable {
  private let folder: JobFolder
  private let epoch: UInt64
  private let isLocked: Bool
  private var steps = 0
  /// Beats so far; the ledger goes on from here.
  private(set) var count: UInt64 = 0

  init(_ folder: JobFolder, epoch: UInt64, isLocked: Bool) {
    self.folder = folder
    self.epoch = epoch
    self.isLocked = isLocked
  }

  /// Beats now. One that cannot be written is left out.
  mutating func beat() {
    count += 1
    do throws(StorageError) {
      try JobLedger.write(
        JobLedger.heartbeat(count, isLocked: isLocked), to: folder.beat(epoch))
    } catch {
      return
    }
  }

  /// Beats at every `period`-th call.
  mutating func step(period: Int) {
    steps += 1
    if steps % period == 0 { beat() }
  }
}
