// Folders take each other's names: the last steps by which an output appears at once.
import CLinux
import Glibc

extension Folder {
  /// Gives a folder another name on the same file system, durably. An empty folder under that name
  /// is replaced; anything else there throws `exists`.
  package static func move(from: String, to: String) throws(StorageError) {
    guard unsafe rename(from, to) == 0 else {
      switch errno {
      case ENOTEMPTY, EEXIST, ENOTDIR: throw .exists(path: to)
      default: throw .last(.rename, to, errno: errno)
      }
    }
    try flushParents(from, to)
  }

  /// Swaps the names of two folders in one step, durably. False where the file system cannot.
  package static func exchange(_ a: String, _ b: String) throws(StorageError) -> Bool {
    guard unsafe sw_rename_exchange(a, b) == 0 else {
      switch errno {
      case EINVAL, ENOSYS, EOPNOTSUPP: return false
      default: throw .last(.rename, b, errno: errno)
      }
    }
    try flushParents(a, b)
    return true
  }

  private static func flushParents(_ a: String, _ b: String) throws(StorageError) {
    try flush(Path.parent(b))
    if Path.parent(a) != Path.parent(b) { try flush(Path.parent(a)) }
  }
}
