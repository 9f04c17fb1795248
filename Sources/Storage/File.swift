// An open file. Owned by one scope, closed when that scope ends; offsets are explicit, so a file
// may be read by several threads at once. Writers must `close()` themselves: a close can fail.
import Glibc

/// A file descriptor that closes itself.
package struct File: ~Copyable {
  /// The path it was opened by, for messages.
  package let path: String
  /// The one that opened it.
  private let kernel: any Kernel
  /// What its bytes are counted in and wait for; nil where neither is wanted.
  private let traffic: Traffic?
  private var descriptor: Int32
  /// Whether this file holds the lock of its path.
  private var isLocked = false

  private init(
    descriptor: Int32, path: String, _ kernel: any Kernel, _ traffic: Traffic? = nil
  ) {
    self.descriptor = descriptor
    self.path = path
    self.kernel = kernel
    self.traffic = traffic
  }

  deinit {
    guard descriptor >= 0 else { return }
    unlock()
    _ = kernel.close(descriptor)
  }

  /// Opens a plain file for reading.
  package static func open(
    _ path: String, _ traffic: Traffic? = nil
  ) throws(StorageError) -> File {
    let kernel = Host.kernel
    let descriptor = retrying { kernel.open(path, .reading) }
    guard descriptor >= 0 else { throw .last(.open, path, errno: -descriptor) }
    let file = File(descriptor: descriptor, path: path, kernel, traffic)
    guard try file.status().isPlainFile else { throw .notAFile(path: path) }
    return file
  }

  /// Opens a plain file for reading; nil where there is none. On a network file system this asks
  /// anew, where `FileStatus.of` and listings may be answered from memory.
  package static func openIfThere(_ path: String) throws(StorageError) -> File? {
    do throws(StorageError) {
      return try open(path)
    } catch .refused(.open, _, let code) where code == ENOENT || code == ENOTDIR {
      return nil
    }
  }

  /// Creates a file that must not exist, for reading and writing, with the given permission bits.
  package static func create(
    _ path: String, mode: UInt32 = 0o644, _ traffic: Traffic? = nil
  ) throws(StorageError) -> File {
    let kernel = Host.kernel
    let descriptor = retrying { kernel.open(path, .creating(mode: mode)) }
    guard descriptor >= 0 else { throw .last(.create, path, errno: -descriptor) }
    return File(descriptor: descriptor, path: path, kernel, traffic)
  }

  /// Opens a plain file for reading and writing, made where there is none.
  package static func openForUpdate(_ path: String) throws(StorageError) -> File {
    let kernel = Host.kernel
    while true {
      let descriptor = retrying { kernel.open(path, .updating) }
      if descriptor >= 0 {
        let file = File(descriptor: descriptor, path: path, kernel)
        guard try file.status().isPlainFile else { throw .notAFile(path: path) }
        return file
      }
      guard descriptor == -ENOENT else { throw .last(.open, path, errno: -descriptor) }
      do throws(StorageError) { return try create(path) } catch .exists { continue }
    }
  }

  /// Size, kind and times, as the kernel has them now.
  package func status() throws(StorageError) -> FileStatus {
    var status = FileStatus()
    let code = kernel.inspect(descriptor, &status)
    guard code == 0 else { throw .last(.inspect, path, errno: -code) }
    return status
  }

  /// Fills the buffer from `offset`; throws where the file ends first.
  package func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageError) {
    var done = 0
    while done < buffer.count {
      let end = nextEnd(after: done, of: buffer.count)
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end])
      let count = unsafe kernel.read(descriptor, rest, at: offset + Int64(done))
      if count < 0 {
        if count == -Int(EINTR) { continue }
        throw .last(.read, path, errno: Int32(-count))
      }
      if count == 0 {
        throw .ended(path: path, offset: offset, expected: buffer.count, found: done)
      }
      done += count
    }
  }

  /// The `count` bytes from `offset`.
  package func read(count: Int, at offset: Int64) throws(StorageError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let result: Result<Void, StorageError> = unsafe bytes.withUnsafeMutableBytes { raw in
      Result { () throws(StorageError) in unsafe try read(into: raw, at: offset) }
    }
    try result.get()
    return bytes
  }

  /// Writes all the bytes at `offset`.
  package func write(
    _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) throws(StorageError) {
    var done = 0
    while done < buffer.count {
      let end = nextEnd(after: done, of: buffer.count)
      let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done..<end])
      let count = unsafe kernel.write(descriptor, rest, at: offset + Int64(done))
      if count < 0 {
        if count == -Int(EINTR) { continue }
        throw .last(.write, path, errno: Int32(-count), needed: Int64(buffer.count - done))
      }
      done += count
    }
  }

  /// Writes all the bytes at `offset`.
  package func write(_ bytes: [UInt8], at offset: Int64) throws(StorageError) {
    let result: Result<Void, StorageError> = unsafe bytes.withUnsafeBytes { raw in
      Result { () throws(StorageError) in unsafe try write(raw, at: offset) }
    }
    try result.get()
  }

  /// Writes all the bytes at `offset`.
  package func write(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
    try unsafe bytes.withUnsafeBytes { raw throws(StorageError) in
      unsafe try write(raw, at: offset)
    }
  }

  /// Reserves the exact size on disk, so that a full disk shows before the first write.
  ///
  /// File systems that cannot reserve are left to grow.
  package func reserve(byteCount: Int64) throws(StorageError) {
    guard byteCount > 0 else { return }
    let code = Self.retrying { kernel.reserve(descriptor, byteCount: byteCount) }
    switch code {
    case 0, -EOPNOTSUPP, -ENOSYS: return
    default: throw .last(.reserve, path, errno: -code, needed: byteCount)
    }
  }

  /// Returns once the file's bytes and size survive a power cut. Never retried: after a failed
  /// flush the file is lost and must be written anew.
  package func flush() throws(StorageError) {
    let code = kernel.flush(descriptor)
    guard code == 0 else { throw .last(.flush, path, errno: -code) }
  }

  /// Starts the way of a range's bytes to the device and does not wait for it, so that less is left
  /// for the flush. Nothing is durable by this: a flush makes it so.
  ///
  /// File systems that cannot do this leave all to the flush.
  package func writeBack(from offset: Int64, count: Int64) throws(StorageError) {
    try writeBack(from: offset, count: count, waits: false)
  }

  /// Returns once a range's bytes have left the cache. What fails on the way is told here and never
  /// again: as after a failed flush, the file is lost and must be written anew.
  package func awaitWriteBack(from offset: Int64, count: Int64) throws(StorageError) {
    try writeBack(from: offset, count: count, waits: true)
  }

  private func writeBack(
    from offset: Int64, count: Int64, waits: Bool
  ) throws(StorageError) {
    // No count is the whole rest of the file to the kernel.
    guard count > 0 else { return }
    let code = Self.retrying {
      kernel.writeBack(descriptor, from: offset, byteCount: count, waits: waits)
    }
    switch code {
    case 0, -EOPNOTSUPP, -ENOSYS, -ESPIPE, -EINVAL: return
    default: throw .last(.writeBack, path, errno: -code, needed: count)
    }
  }

  /// Closes the file and reports what a deferred write may still say.
  package consuming func close() throws(StorageError) {
    unlock()
    let open = descriptor
    descriptor = -1
    let code = kernel.close(open)
    guard code == 0 else { throw .last(.close, path, errno: -code) }
  }

  /// Lets reads and writes pass the page cache, or use it again; false where the file system has no
  /// such way. Whoever passes it gives buffers, offsets and counts that are multiples of
  /// `directByteCount`.
  package func setDirect(_ isDirect: Bool) -> Bool { kernel.setDirect(descriptor, isDirect) == 0 }

  /// A multiple of what devices address.
  package static let directByteCount = 4096

  /// Asks the kernel to forget cached pages, so that the next read comes from the device.
  package func dropCache() { kernel.dropCache(descriptor, from: 0, byteCount: 0) }

  /// The same for the pages of a range.
  package func dropCache(_ range: Range<Int64>) {
    guard !range.isEmpty else { return }
    kernel.dropCache(descriptor, from: range.lowerBound, byteCount: Int64(range.count))
  }

  /// Bytes of a range that are cached, by whole pages that have some of them; nil where the kernel
  /// cannot tell.
  package func cachedByteCount(_ range: Range<Int64>) -> Int64? {
    guard !range.isEmpty else { return 0 }
    let pages = kernel.cachedPageCount(
      descriptor, from: range.lowerBound, byteCount: Int64(range.count))
    return pages < 0 ? nil : pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Takes an exclusive lock for the life of this file, or says false where another process has it.
  package mutating func lock() throws(StorageError) -> Bool {
    let code = kernel.lock(descriptor)
    isLocked = code == 0
    guard isLocked || code == -EWOULDBLOCK else { throw .last(.lock, path, errno: -code) }
    return isLocked
  }

  /// Gives the lock back. Closing alone would leave it to a process that was forked meanwhile,
  /// until that begins another program: descriptors, and with them locks, are copied.
  private func unlock() { if isLocked { kernel.unlock(descriptor) } }

  /// Where the next bytes of a buffer to move end; returns when they may.
  private func nextEnd(after done: Int, of count: Int) -> Int {
    guard let traffic else { return count }
    let piece = min(count - done, traffic.pieceByteCount)
    traffic.pass(piece, kernel)
    return done + piece
  }

  private static func retrying(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      if result != -EINTR { return result }
    }
  }
}
