import CLinux
import Glibc

/// What a process has used so far.
struct Usage {
  var cpuSeconds: Double
  var peakByteCount: Int64

  /// Of this one.
  static var now: Usage {
    Usage(cpuSeconds: cpuSeconds(RUSAGE_SELF.rawValue), peakByteCount: sw_peak_memory())
  }

  /// Processor time of all children that ended and were waited for, with that of theirs.
  static var childCPUSeconds: Double { cpuSeconds(RUSAGE_CHILDREN.rawValue) }

  private static func cpuSeconds(_ who: Int32) -> Double {
    var usage = rusage()
    guard unsafe getrusage(who, &usage) == 0 else { return 0 }
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    let micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return Double(seconds) + Double(micros) / 1e6
  }
}
