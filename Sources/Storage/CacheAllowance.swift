// Good manners where a job reads far more than memory holds.
import Glibc
import Synchronization

/// How much a process may leave in the page cache of what it read once. A small job's inputs stay,
/// for the next job that reads them; a large one's pass through.
package final class CacheAllowance: Sendable {
  private let left: Atomic<Int64>

  package init(byteCount: Int64) { left = Atomic(byteCount) }

  /// An eighth of the memory that this process has a share of.
  package static func ofHost() -> CacheAllowance {
    let host = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    return CacheAllowance(byteCount: min(host, HostShare.own.memoryByteCount ?? host) / 8)
  }

  /// True while so many more bytes may stay.
  package func take(_ byteCount: Int64) -> Bool {
    let (_, left) = left.subtract(byteCount, ordering: .relaxed)
    guard left < 0 else { return true }
    self.left.add(byteCount, ordering: .relaxed)
    return false
  }
}
