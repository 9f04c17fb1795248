// Everything that can go wrong between us and the file system, as facts; `sentence` is the prose.
import Glibc

/// A call on a file or folder that failed.
package enum StorageError: Error, Equatable {
  /// What was being done when the call failed.
  package enum Operation: String, Equatable, Sendable {
    case open, create, read, write, reserve, flush, close, rename, link, remove, list, inspect, lock
    case writeBack = "write back"
  }

  /// The operating system refused: `errno` says why.
  case refused(Operation, path: String, errno: Int32)
  /// The file ended before the bytes that were asked for.
  case ended(path: String, offset: Int64, expected: Int, found: Int)
  /// The disk is full or a quota is used up.
  case noSpace(path: String, neededByteCount: Int64)
  /// The file would grow beyond what this process, or the file system, allows.
  case tooLarge(path: String, neededByteCount: Int64)
  /// A path is a link, a folder or a device where a plain file was expected.
  case notAFile(path: String)
  /// Something exists where nothing may be.
  case exists(path: String)

  /// The fitting case for a failed call: full disks and existing names have their own.
  package static func last(
    _ operation: Operation, _ path: String, errno code: Int32, needed: Int64 = 0
  ) -> StorageError {
    switch code {
    case ENOSPC, EDQUOT: .noSpace(path: path, neededByteCount: needed)
    case EFBIG: .tooLarge(path: path, neededByteCount: needed)
    case EEXIST: .exists(path: path)
    default: .refused(operation, path: path, errno: code)
    }
  }

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .refused(let operation, let path, let code):
      "cannot \(operation.rawValue) \(path): \(Self.text(of: code))"
    case .ended(let path, let offset, let expected, let found):
      "\(path) ends early: \(expected) bytes expected at offset \(offset), \(found) found; "
        + "the file is truncated or changed while it was read"
    case .noSpace(let path, let needed):
      needed > 0
        ? "no space left for \(path): \(needed) bytes are needed; "
          + "free some and run the command again"
        : "no space left for \(path); free some and run the command again"
    case .tooLarge(let path, let needed):
      "\(path) may not grow so large\(needed > 0 ? ": \(needed) bytes are to be written" : ""); "
        + "raise the limit of this process (ulimit -f), or let shards be smaller "
        + "(--max-shard-size)"
    case .notAFile(let path): "\(path) is not a plain file"
    case .exists(let path): "\(path) exists already"
    }
  }

  /// True where a file system has no locks, as some network file systems are set up.
  package var isLockUnsupported: Bool {
    guard case .refused(.lock, _, let code) = self else { return false }
    return code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP
  }

  /// True where a call past the page cache was refused for the way it was asked for.
  package var isDirectUnsupported: Bool {
    guard case .refused(let operation, _, let code) = self else { return false }
    return [.read, .write].contains(operation) && (code == EINVAL || code == EOPNOTSUPP)
  }

  private static func text(of code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}
