// This machine and this process, as others see them: who holds a lock, who wrote a record, when.
import Glibc

package enum Host {
  /// The machine's name.
  package static var name: String {
    var buffer = [CChar](repeating: 0, count: 256)
    let status = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe gethostname($0.baseAddress!, 255)
    }
    guard status == 0 else { return "" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Differs between machines, and between two starts of one; empty where the kernel gives none.
  package static var bootID: String {
    do throws(StorageError) {
      let file = try File.open("/proc/sys/kernel/random/boot_id")
      return String(decoding: try file.read(count: 36, at: 0), as: UTF8.self)
    } catch {
      return ""
    }
  }

  package static var processID: Int { Int(getpid()) }

  /// The wall clock in milliseconds since 1970, for history that people read.
  package static var milliseconds: Int64 {
    var now = timespec()
    guard unsafe clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  /// Lets this thread rest.
  package static func pause(milliseconds: Int) {
    _ = usleep(UInt32(clamping: milliseconds * 1000))
  }
}
