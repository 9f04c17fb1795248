// Files that only their owner may touch, checked as ssh checks its keys: the thing itself and no
// link, ours, and closed to others. Checked on the open file, so that no swap comes in between.
import CLinux
import Glibc
import Storage

/// Reads files that must be private.
enum PrivateFile {
  /// Who else may do what with a file.
  enum Secrecy {
    /// Nobody else may even read it.
    case secret
    /// Others may read it, but not change it.
    case readable

    var forbidden: UInt32 { self == .secret ? 0o077 : 0o022 }
    var expected: UInt32 { self == .secret ? 0o600 : 0o644 }
  }

  /// All bytes of a file that keeps the rules, at most `limit` of them.
  static func read(
    _ path: String, _ secrecy: Secrecy, limit: Int64
  ) throws(MessagingError) -> [UInt8] {
    // Without O_NONBLOCK a pipe of that name would hold us for ever.
    let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    let descriptor = unsafe sw_open(path, flags, 0)
    guard descriptor >= 0 else {
      switch errno {
      case ENOENT, ENOTDIR: throw .missing(path: path)
      case ELOOP: throw .isLink(path: path)
      default: throw .storage(.last(.open, path, errno: errno))
      }
    }
    defer { _ = close(descriptor) }
    var raw = stat()
    guard unsafe fstat(descriptor, &raw) == 0 else {
      throw .storage(.last(.inspect, path, errno: errno))
    }
    guard raw.st_mode & S_IFMT == S_IFREG else { throw .storage(.notAFile(path: path)) }
    try check(raw, path, forbidden: secrecy.forbidden, expected: secrecy.expected)
    guard Int64(raw.st_size) <= limit else {
      throw .storage(.refused(.read, path: path, errno: EFBIG))
    }
    return try readAll(descriptor, path, byteCount: Int(raw.st_size))
  }

  /// Checks that a folder is ours, no link, and closed to everybody else.
  static func checkFolder(_ path: String) throws(MessagingError) {
    var raw = stat()
    // A slash at the end would follow a link.
    let bare = Path.join(Path.parent(path), Path.name(path))
    guard unsafe lstat(path == "/" ? path : bare, &raw) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path) }
      throw .storage(.last(.inspect, path, errno: errno))
    }
    switch raw.st_mode & S_IFMT {
    case S_IFDIR: try check(raw, path, forbidden: 0o077, expected: 0o700)
    case S_IFLNK: throw .isLink(path: path)
    default: throw .notAFolder(path: path)
    }
  }

  /// Overwrites bytes that held a secret.
  static func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { raw in
      if let start = raw.baseAddress { unsafe sw_wipe(start, raw.count) }
    }
  }

  private static func check(
    _ raw: stat, _ path: String, forbidden: UInt32, expected: UInt32
  ) throws(MessagingError) {
    guard raw.st_uid == geteuid() else {
      throw .notOurs(path: path, owner: raw.st_uid, expected: geteuid())
    }
    let mode = raw.st_mode & 0o7777
    guard mode & forbidden == 0 else { throw .loose(path: path, mode: mode, expected: expected) }
  }

  private static func readAll(
    _ descriptor: Int32, _ path: String, byteCount: Int
  ) throws(MessagingError) -> [UInt8] {
    // One allocation, never grown: growing would leave copies of a secret behind.
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var done = 0
    while done < byteCount {
      let count = unsafe bytes.withUnsafeMutableBytes { raw in
        unsafe Glibc.read(descriptor, raw.baseAddress! + done, byteCount - done)
      }
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw .storage(.last(.read, path, errno: errno))
      }
      done += count
    }
    bytes.removeLast(byteCount - done)
    return bytes
  }
}
