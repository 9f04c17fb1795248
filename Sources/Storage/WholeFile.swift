// Files that are read or written as a whole, and the ways a finished one takes its name. "Durably"
// means what it does in Folder: the change survives a power cut when the function returns.
import Glibc

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

  /// All bytes of a plain file; nil where there is none. Asks anew, as `File.openIfThere` does.
  package static func readIfThere(_ path: String) throws(StorageError) -> [UInt8]? {
    guard let file = try File.openIfThere(path) else { return nil }
    return try file.read(count: Int(try file.status().byteCount), at: 0)
  }

  /// Writes a file durably, replacing what was there in one step (temp, flush, rename, flush).
  package static func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
    let temporary = try writeTemporary(bytes, beside: path)
    let code = Host.kernel.rename(temporary, path, .replacing)
    guard code == 0 else {
      _ = Host.kernel.unlink(temporary)
      throw .last(.rename, path, errno: -code)
    }
    try Folder.flush(Path.parent(path))
  }

  /// Writes a file durably unless the name is taken; true where this call made it. Either way the
  /// name survives a power cut when this returns.
  package static func createIfAbsent(
    _ bytes: [UInt8], at path: String
  ) throws(StorageError) -> Bool {
    let temporary = try writeTemporary(bytes, beside: path)
    defer { _ = Host.kernel.unlink(temporary) }
    let isOurs = try give(temporary, name: path)
    try Folder.flush(Path.parent(path))
    return isOurs
  }

  /// Moves a file to a name that must be free, durably. Already moved (the target is the source's
  /// own inode, or the source is gone and the target is there) counts as done.
  package static func moveIfAbsent(from: String, to: String) throws(StorageError) {
    let kernel = Host.kernel
    let code = kernel.rename(from, to, .keeping)
    switch code {
    case 0: break
    case -EINVAL, -ENOSYS, -EOPNOTSUPP:  // a file system that cannot rename without replacing
      guard try give(from, name: to) else { throw .exists(path: to) }
      // A power cut must not keep the old name's end and lose the new one.
      try Folder.flush(Path.parent(to))
      _ = kernel.unlink(from)
    case -EEXIST:
      guard try isSameFile(from, to) else { throw .exists(path: to) }
      // Two names of one file: the old one goes. Two spellings of one name: nothing is to do.
      if Path.resolved(from) != Path.resolved(to) {
        try Folder.flush(Path.parent(to))
        _ = kernel.unlink(from)
      }
    case -ENOENT:
      let isGone = try FileStatus.of(from) == nil
      let isThere = try FileStatus.of(to) != nil
      guard isGone && isThere else { throw .last(.rename, to, errno: -code) }
    default: throw .last(.rename, to, errno: -code)
    }
    try Folder.flush(Path.parent(to))
  }

  /// Gives a file a second, free name; false where another file has it. (On file systems without
  /// hard links the file is moved.)
  private static func give(_ path: String, name: String) throws(StorageError) -> Bool {
    let code = Host.kernel.link(path, name)
    switch code {
    case 0: return true
    // A network file system may do the work and then say that it was done already.
    case -EEXIST: return try isSameFile(path, name)
    case -EPERM, -EOPNOTSUPP, -ENOSYS, -EMLINK:
      let code = Host.kernel.rename(path, name, .keeping)
      if code == 0 { return true }
      guard code == -EEXIST else { throw .last(.rename, name, errno: -code) }
      return false
    default: throw .last(.link, name, errno: -code)
    }
  }

  private static func isSameFile(_ a: String, _ b: String) throws(StorageError) -> Bool {
    guard let one = try FileStatus.of(a), let other = try FileStatus.of(b) else { return false }
    return one.inode == other.inode && one.device == other.device
  }

  private static func writeTemporary(
    _ bytes: [UInt8], beside path: String
  ) throws(StorageError) -> String {
    let kernel = Host.kernel
    let nonce = String(kernel.nonce(), radix: 36)
    let temporary = "\(path).part-\(kernel.processID)-\(nonce)"
    let file = try File.create(temporary)
    do throws(StorageError) {
      try file.write(bytes, at: 0)
      try file.flush()
      try file.close()
    } catch {
      _ = kernel.unlink(temporary)
      throw error
    }
    return temporary
  }
}
