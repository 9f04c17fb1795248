// Folders take each other's names: the last steps by which an output appears at once.
import Glibc

extension Folder {
  /// Gives a folder another name on the same file system, durably. An empty folder under that name
  /// is replaced; anything else there throws `exists`.
  package static func move(from: String, to: String) throws(StorageError) {
    let code = Host.kernel.rename(from, to, .replacing)
    switch code {
    case 0: break
    case -ENOTEMPTY, -EEXIST, -ENOTDIR: throw .exists(path: to)
    default: throw .last(.rename, to, errno: -code)
    }
    try flushParents(from, to)
  }

  /// Swaps the names of two folders in one step, durably. False where the file system cannot.
  package static func exchange(_ a: String, _ b: String) throws(StorageError) -> Bool {
    let code = Host.kernel.rename(a, b, .exchanging)
    switch code {
    case 0: break
    case -EINVAL, -ENOSYS, -EOPNOTSUPP: return false
    default: throw .last(.rename, b, errno: -code)
    }
    try flushParents(a, b)
    return true
  }

  private static func flushParents(_ a: String, _ b: String) throws(StorageError) {
    try flush(Path.parent(b))
    if Path.parent(a) != Path.parent(b) { try flush(Path.parent(a)) }
  }
}
