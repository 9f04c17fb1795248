// What this process has used so far, as the kernel counts it.
import Glibc

/// Processor time, of which differences are taken.
struct ProcessCost {
  /// Of all threads, libzmq's included.
  var processMicroseconds: Int64
  /// Of the calling thread alone.
  var threadMicroseconds: Int64

  static var now: ProcessCost {
    ProcessCost(
      processMicroseconds: microseconds(CLOCK_PROCESS_CPUTIME_ID),
      threadMicroseconds: microseconds(CLOCK_THREAD_CPUTIME_ID))
  }

  static func - (late: ProcessCost, early: ProcessCost) -> ProcessCost {
    ProcessCost(
      processMicroseconds: late.processMicroseconds - early.processMicroseconds,
      threadMicroseconds: late.threadMicroseconds - early.threadMicroseconds)
  }

  /// Microseconds of a clock that never goes back.
  static var clockMicroseconds: Int64 { microseconds(CLOCK_MONOTONIC) }

  private static func microseconds(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    guard unsafe clock_gettime(clock, &now) == 0 else { return 0 }
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }
}
