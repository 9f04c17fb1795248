import CLinux
import Glibc

/// What this process has used so far.
struct Usage {
  var cpuSeconds: Double
  var peakByteCount: Int64

  static var now: Usage {
    var usage = rusage()
    guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else {
      return Usage(cpuSeconds: 0, peakByteCount: 0)
    }
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    let micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return Usage(
      cpuSeconds: Double(seconds) + Double(micros) / 1e6, peakByteCount: sw_peak_memory())
  }
}
