// Linux: every call forwarded as it is, errno as part of the answer.
import CLinux
import Glibc

/// The kernel this process really runs on.
package final class LinuxKernel: Kernel {
  package init() {}

  // MARK: Open files

  package func open(_ path: String, _ way: Opening) -> Int32 {
    switch way {
    case .reading: answer(unsafe sw_open(path, sw_o_rdonly, 0))
    case .updating: answer(unsafe sw_open(path, sw_o_rdwr, 0))
    case .creating(let mode): answer(unsafe sw_open(path, sw_o_create_exclusive, mode))
    case .folder: answer(unsafe sw_open(path, sw_o_directory, 0))
    }
  }

  package func close(_ descriptor: Int32) -> Int32 { answer(Glibc.close(descriptor)) }

  package func inspect(_ descriptor: Int32, _ status: inout FileStatus) -> Int32 {
    var raw = stat()
    let result = answer(unsafe fstat(descriptor, &raw))
    if result == 0 { status = FileStatus(raw) }
    return result
  }

  package func read(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) -> Int {
    answer(unsafe pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
  }

  package func write(
    _ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) -> Int {
    answer(unsafe pwrite(descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
  }

  package func reserve(_ descriptor: Int32, byteCount: Int64) -> Int32 {
    answer(sw_fallocate(descriptor, 0, off_t(byteCount)))
  }

  package func flush(_ descriptor: Int32) -> Int32 { answer(fsync(descriptor)) }

  package func writeBack(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64, waits: Bool
  ) -> Int32 {
    answer(sw_write_back(descriptor, off_t(offset), off_t(byteCount), waits ? 1 : 0))
  }

  package func setDirect(_ descriptor: Int32, _ isDirect: Bool) -> Int32 {
    answer(sw_set_direct(descriptor, isDirect ? 1 : 0))
  }

  package func dropCache(_ descriptor: Int32, from offset: Int64, byteCount: Int64) {
    _ = sw_drop_cache(descriptor, off_t(offset), off_t(byteCount))
  }

  package func cachedPageCount(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64
  ) -> Int64 {
    sw_cached_pages(descriptor, off_t(offset), off_t(byteCount))
  }

  package func lock(_ descriptor: Int32) -> Int32 { answer(flock(descriptor, LOCK_EX | LOCK_NB)) }

  package func unlock(_ descriptor: Int32) { _ = flock(descriptor, LOCK_UN) }

  // MARK: Names

  package func inspect(_ path: String, _ status: inout FileStatus) -> Int32 {
    var raw = stat()
    let result = answer(unsafe stat(path, &raw))
    if result == 0 { status = FileStatus(raw) }
    return result
  }

  package func createFolder(_ path: String, mode: UInt32) -> Int32 {
    answer(unsafe mkdir(path, mode))
  }

  package func list(_ path: String, _ names: inout [String]) -> Int32 {
    guard let stream = unsafe opendir(path) else { return -errno }
    defer { unsafe _ = closedir(stream) }
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { return -errno }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  package func unlink(_ path: String) -> Int32 { answer(unsafe Glibc.unlink(path)) }

  package func removeFolder(_ path: String) -> Int32 { answer(unsafe rmdir(path)) }

  package func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32 {
    switch rule {
    case .replacing: answer(unsafe Glibc.rename(from, to))
    case .keeping: answer(unsafe sw_rename_noreplace(from, to))
    case .exchanging: answer(unsafe sw_rename_exchange(from, to))
    }
  }

  package func link(_ from: String, _ to: String) -> Int32 { answer(unsafe Glibc.link(from, to)) }

  package func freeByteCount(_ path: String) -> Int64 {
    var raw = statvfs()
    guard unsafe statvfs(path, &raw) == 0 else { return Int64(-errno) }
    return Int64(clamping: UInt64(raw.f_bavail) * UInt64(raw.f_frsize))
  }

  package func resolve(_ path: String) -> String? {
    guard let raw = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(raw) }
    return unsafe String(cString: raw)
  }

  // MARK: Who and when

  package var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    let status = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe gethostname($0.baseAddress!, 255)
    }
    guard status == 0 else { return "" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  package var bootID: String {
    let descriptor = open("/proc/sys/kernel/random/boot_id", .reading)
    guard descriptor >= 0 else { return "" }
    defer { _ = close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 36)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0, at: 0) }
    return count == bytes.count ? String(decoding: bytes, as: UTF8.self) : ""
  }

  package var processID: Int { Int(getpid()) }

  package var milliseconds: Int64 {
    var now = timespec()
    guard unsafe clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  package func pause(milliseconds: Int) { _ = usleep(UInt32(clamping: milliseconds * 1000)) }

  package func nonce() -> UInt64 { UInt64.random(in: .min ... .max) }

  /// What a call said, with errno where it failed.
  private func answer<Number: SignedInteger>(_ result: Number) -> Number {
    result >= 0 ? result : Number(-errno)
  }
}
