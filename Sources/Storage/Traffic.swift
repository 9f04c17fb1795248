// The bytes that move between a process and its storage, all threads together.
import Synchronization

/// Counts the bytes of the files that it is given to, and keeps them below a rate where there is
/// one. It never changes what is read or written, only when.
package final class Traffic: Sendable {
  private struct State {
    var bucket: TokenBucket?
    var byteCount: Int64 = 0
  }

  private let state: Mutex<State>
  /// Bytes are moved in pieces of this size, so that none waits for long.
  let pieceByteCount: Int

  /// nil is no limit.
  package init(bytesPerSecond: Int64? = nil) {
    let bucket = bytesPerSecond.map { TokenBucket(bytesPerSecond: $0) }
    pieceByteCount = bucket?.pieceByteCount ?? .max
    state = Mutex(State(bucket: bucket))
  }

  /// Bytes that have moved so far.
  package var byteCount: Int64 { state.withLock { $0.byteCount } }

  /// Returns when so many bytes may move.
  func pass(_ byteCount: Int, _ kernel: any Kernel) {
    let nanoseconds = state.withLock { $0.bucket?.take(byteCount, now: Clock.nanoseconds) ?? 0 }
    if nanoseconds > 0 {
      kernel.pause(milliseconds: Int((nanoseconds + 999_999) / 1_000_000))
    }
    state.withLock { $0.byteCount += Int64(byteCount) }
  }
}
