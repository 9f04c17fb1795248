// Folders and the durable verbs: every function that says "durably" returns only when the change
// would survive a power cut (file flushed, then its folder).
import CLinux
import Glibc

package enum Folder {
  /// Creates a folder and its missing parents; one that exists already is fine.
  package static func create(_ path: String, mode: UInt32 = 0o755) throws(StorageError) {
    if unsafe mkdir(path, mode) == 0 { return }
    switch errno {
    case EEXIST:
      guard try FileStatus.of(path)?.isFolder == true else { throw .exists(path: path) }
    case ENOENT where Path.parent(path) != path:
      try create(Path.parent(path))
      try create(path, mode: mode)
    default: throw .last(.create, path, errno: errno)
    }
  }

  /// Creates a folder that must not exist.
  package static func createNew(_ path: String, mode: UInt32) throws(StorageError) {
    guard unsafe mkdir(path, mode) == 0 else { throw .last(.create, path, errno: errno) }
  }

  /// Names in a folder, sorted by bytes, without `.` and `..`.
  package static func list(_ path: String) throws(StorageError) -> [String] {
    guard let stream = unsafe opendir(path) else { throw .last(.list, path, errno: errno) }
    defer { unsafe _ = closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw .last(.list, path, errno: errno) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Returns once names added to and removed from the folder survive a power cut.
  package static func flush(_ path: String) throws(StorageError) {
    let descriptor = unsafe sw_open(path, sw_o_directory, 0)
    guard descriptor >= 0 else { throw .last(.open, path, errno: errno) }
    defer { _ = close(descriptor) }
    // Some file systems cannot flush a folder and say EINVAL: there is nothing more to be had.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last(.flush, path, errno: errno) }
  }

  /// Removes a file or a folder with all it holds; links are removed, never followed. Nothing there
  /// is fine.
  package static func removeTree(_ path: String) throws(StorageError) {
    if unsafe unlink(path) == 0 || errno == ENOENT { return }
    // Of folders unlink says EISDIR on Linux, EPERM by POSIX; EPERM also of files that must stay.
    let code = errno
    var isFolder = code == EISDIR
    if code == EPERM { isFolder = try FileStatus.of(path)?.isFolder == true }
    guard isFolder else { throw .last(.remove, path, errno: code) }
    for name in try list(path) { try removeTree(Path.join(path, name)) }
    guard unsafe rmdir(path) == 0 || errno == ENOENT else {
      throw .last(.remove, path, errno: errno)
    }
  }

  /// Bytes a user may still write on the file system that holds the path.
  package static func freeByteCount(_ path: String) throws(StorageError) -> Int64 {
    var raw = statvfs()
    guard unsafe statvfs(path, &raw) == 0 else { throw .last(.inspect, path, errno: errno) }
    return Int64(clamping: UInt64(raw.f_bavail) * UInt64(raw.f_frsize))
  }
}

/// Whole small files: read at once, written durably.
package enum WholeFile {
  /// All bytes of a plain file of at most `limit` bytes.
  package static func read(
    _ path: String, limit: Int64 = 1 << 30
  ) throws(StorageError) -> [UInt8] {
    let file = try File.open(path)
    let size = try file.status().byteCount
    guard size <= limit else { throw .refused(.read, path: path, errno: EFBIG) }
    return try file.read(count: Int(size), at: 0)
  }

  /// Writes a file durably, replacing what was there in one step (temp, flush, rename, flush).
  package static func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
    let temporary = try writeTemporary(bytes, beside: path)
    guard unsafe rename(temporary, path) == 0 else {
      let code = errno
      unsafe _ = unlink(temporary)
      throw .last(.rename, path, errno: code)
    }
    try Folder.flush(Path.parent(path))
  }

  /// Writes a file durably unless the name is taken; true where this call made it. Either way the
  /// name survives a power cut when this returns.
  package static func createIfAbsent(
    _ bytes: [UInt8], at path: String
  ) throws(StorageError) -> Bool {
    let temporary = try writeTemporary(bytes, beside: path)
    defer { unsafe _ = unlink(temporary) }
    let isOurs = try give(temporary, name: path)
    try Folder.flush(Path.parent(path))
    return isOurs
  }

  /// Moves a file to a name that must be free, durably. Already moved (the target is the source's
  /// own inode, or the source is gone and the target is there) counts as done.
  package static func moveIfAbsent(from: String, to: String) throws(StorageError) {
    if unsafe sw_rename_noreplace(from, to) != 0 {
      let code = errno
      switch code {
      case EINVAL, ENOSYS, EOPNOTSUPP:  // a file system that cannot rename without replacing
        guard try give(from, name: to) else { throw .exists(path: to) }
        unsafe _ = unlink(from)
      case EEXIST:
        guard try isSameFile(from, to) else { throw .exists(path: to) }
        // Two names of one file: the old one goes. Two spellings of one name: nothing is to do.
        if Path.resolved(from) != Path.resolved(to) { unsafe _ = unlink(from) }
      case ENOENT:
        let isGone = try FileStatus.of(from) == nil
        let isThere = try FileStatus.of(to) != nil
        guard isGone && isThere else { throw .last(.rename, to, errno: code) }
      default: throw .last(.rename, to, errno: code)
      }
    }
    try Folder.flush(Path.parent(to))
  }

  /// Gives a file a second, free name; false where another file has it. (On file systems without
  /// hard links the file is moved.)
  private static func give(_ path: String, name: String) throws(StorageError) -> Bool {
    if unsafe link(path, name) == 0 { return true }
    let code = errno
    switch code {
    // A network file system may do the work and then say that it was done already.
    case EEXIST: return try isSameFile(path, name)
    case EPERM, EOPNOTSUPP, ENOSYS, EMLINK:
      if unsafe sw_rename_noreplace(path, name) == 0 { return true }
      guard errno == EEXIST else { throw .last(.rename, name, errno: errno) }
      return false
    default: throw .last(.link, name, errno: code)
    }
  }

  private static func isSameFile(_ a: String, _ b: String) throws(StorageError) -> Bool {
    guard let one = try FileStatus.of(a), let other = try FileStatus.of(b) else { return false }
    return one.inode == other.inode && one.device == other.device
  }

  private static func writeTemporary(
    _ bytes: [UInt8], beside path: String
  ) throws(StorageError) -> String {
    let nonce = UInt64.random(in: .min ... .max)
    let temporary = "\(path).part-\(getpid())-\(String(nonce, radix: 36))"
    let file = try File.create(temporary)
    do throws(StorageError) {
      try file.write(bytes, at: 0)
      try file.flush()
      try file.close()
    } catch {
      unsafe _ = unlink(temporary)
      throw error
    }
    return temporary
  }
}
