// An open file. Owned by one scope, closed when that scope ends; offsets are explicit, so a file
// may be read by several threads at once. Writers must `close()` themselves: a close can fail.
import CLinux
import Glibc

/// A file descriptor that closes itself.
package struct File: ~Copyable {
  /// The path it was opened by, for messages.
  package let path: String
  private var descriptor: Int32

  private init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

  /// Opens a plain file for reading.
  package static func open(_ path: String) throws(StorageError) -> File {
    let descriptor = retrying { unsafe sw_open(path, sw_o_rdonly, 0) }
    guard descriptor >= 0 else { throw .last(.open, path, errno: errno) }
    let file = File(descriptor: descriptor, path: path)
    guard try file.status().isPlainFile else { throw .notAFile(path: path) }
    return file
  }

  /// Creates a file that must not exist, for reading and writing, with the given permission bits.
  package static func create(_ path: String, mode: UInt32 = 0o644) throws(StorageError) -> File {
    let descriptor = retrying { unsafe sw_open(path, sw_o_create_exclusive, mode) }
    guard descriptor >= 0 else { throw .last(.create, path, errno: errno) }
    return File(descriptor: descriptor, path: path)
  }

  /// Opens a plain file for reading and writing, made where there is none.
  package static func openForUpdate(_ path: String) throws(StorageError) -> File {
    while true {
      let descriptor = retrying { unsafe sw_open(path, sw_o_rdwr, 0) }
      if descriptor >= 0 {
        let file = File(descriptor: descriptor, path: path)
        guard try file.status().isPlainFile else { throw .notAFile(path: path) }
        return file
      }
      guard errno == ENOENT else { throw .last(.open, path, errno: errno) }
      do throws(StorageError) { return try create(path) } catch .exists { continue }
    }
  }

  /// Size, kind and times, as the kernel has them now.
  package func status() throws(StorageError) -> FileStatus {
    var raw = stat()
    guard unsafe fstat(descriptor, &raw) == 0 else { throw .last(.inspect, path, errno: errno) }
    return FileStatus(raw)
  }

  /// Fills the buffer from `offset`; throws where the file ends first.
  package func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageError) {
    var done = 0
    while done < buffer.count {
      let count = unsafe pread(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw .last(.read, path, errno: errno)
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
      let count = unsafe pwrite(
        descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw .last(.write, path, errno: errno, needed: Int64(buffer.count - done))
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
    while sw_fallocate(descriptor, 0, off_t(byteCount)) != 0 {
      switch errno {
      case EINTR: continue
      case EOPNOTSUPP, ENOSYS: return
      default: throw .last(.reserve, path, errno: errno, needed: byteCount)
      }
    }
  }

  /// Returns once the file's bytes and size survive a power cut. Never retried: after a failed
  /// flush the file is lost and must be written anew.
  package func flush() throws(StorageError) {
    guard fsync(descriptor) == 0 else { throw .last(.flush, path, errno: errno) }
  }

  /// Closes the file and reports what a deferred write may still say.
  package consuming func close() throws(StorageError) {
    let open = descriptor
    descriptor = -1
    guard Glibc.close(open) == 0 else { throw .last(.close, path, errno: errno) }
  }

  /// Asks the kernel to forget cached pages, so that the next read comes from the device.
  package func dropCache() { _ = sw_drop_cache(descriptor) }

  /// Takes an exclusive lock for the life of this file, or says false where another process has it.
  package func lock() throws(StorageError) -> Bool {
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
    guard errno == EWOULDBLOCK else { throw .last(.lock, path, errno: errno) }
    return false
  }

  private static func retrying(_ call: () -> Int32) -> Int32 {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

/// What the kernel says about a path.
package struct FileStatus: Equatable, Sendable {
  package let byteCount: Int64
  /// Nanoseconds since 1970.
  package let modified: Int64
  package let isPlainFile: Bool
  package let isFolder: Bool
  /// Permission bits alone.
  package let mode: UInt32
  package let owner: UInt32
  /// Identifies the file together with `device`: two paths of one folder are equal in both.
  package let inode: UInt64
  package let device: UInt64

  init(_ raw: stat) {
    byteCount = Int64(raw.st_size)
    modified = Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec)
    isPlainFile = raw.st_mode & S_IFMT == S_IFREG
    isFolder = raw.st_mode & S_IFMT == S_IFDIR
    mode = raw.st_mode & 0o7777
    owner = raw.st_uid
    inode = UInt64(raw.st_ino)
    device = UInt64(raw.st_dev)
  }

  /// The status of what a path leads to, links followed; nil where nothing is there.
  package static func of(_ path: String) throws(StorageError) -> FileStatus? {
    var raw = stat()
    if unsafe stat(path, &raw) == 0 { return FileStatus(raw) }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .last(.inspect, path, errno: errno)
  }
}
