// How far a shard's way to the device runs behind its writing. Bytes are counted in windows as they
// are written, nearly in file order; a full window is started on its way, and nobody goes on before
// the window ahead of it has arrived. So no more than two windows are left for the last flush, and
// a disk that is slow shows as slow bytes, not as a long silence.
import Dispatch

/// The windows of a file that is being written by several threads.
///
/// Unchecked: everything that changes is read and written under `lock`.
final class WriteBackPace: @unchecked Sendable {
  private let windowByteCount: Int64
  private let lock = DispatchSemaphore(value: 1)
  private var writtenByteCount: Int64 = 0
  /// Windows that are on their way, and those of them that have arrived.
  private var startedCount: Int64 = 0
  private var arrivedCount: Int64 = 0

  init(windowByteCount: Int64) { self.windowByteCount = max(1, windowByteCount) }

  /// Counts bytes that were written; the windows they fill are the caller's to start.
  func wrote(_ byteCount: Int) -> Range<Int64>? {
    lock.wait()
    defer { lock.signal() }
    writtenByteCount += Int64(byteCount)
    let first = startedCount
    startedCount = writtenByteCount / windowByteCount
    guard first < startedCount else { return nil }
    return first * windowByteCount..<startedCount * windowByteCount
  }

  /// The oldest window that all wait for; nil where the writing may go on.
  var awaited: Range<Int64>? {
    lock.wait()
    defer { lock.signal() }
    guard arrivedCount + 1 < startedCount else { return nil }
    return arrivedCount * windowByteCount..<(arrivedCount + 1) * windowByteCount
  }

  /// A window has arrived; several threads may have waited for it.
  func arrived(_ window: Range<Int64>) {
    lock.wait()
    defer { lock.signal() }
    arrivedCount = max(arrivedCount, window.upperBound / windowByteCount)
  }
}
