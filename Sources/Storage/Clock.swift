// The clock that never goes back.
import Glibc

package enum Clock {
  /// Milliseconds since some moment of the past.
  package static var milliseconds: Int64 { nanoseconds / 1_000_000 }

  /// Nanoseconds since the same moment.
  package static var nanoseconds: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
