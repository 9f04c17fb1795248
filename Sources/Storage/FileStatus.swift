// What is known of a file or folder without reading it.
import Glibc

/// What the kernel says about a path.
package struct FileStatus: Equatable, Sendable {
  package var byteCount: Int64 = 0
  /// Nanoseconds since 1970.
  package var modified: Int64 = 0
  package var isPlainFile = false
  package var isFolder = false
  /// Permission bits alone.
  package var mode: UInt32 = 0
  package var owner: UInt32 = 0
  /// Identifies the file together with `device`: two paths of one folder are equal in both.
  package var inode: UInt64 = 0
  package var device: UInt64 = 0

  /// Of nothing; a kernel fills it in.
  package init() {}

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
    var status = FileStatus()
    switch Host.kernel.inspect(path, &status) {
    case 0: return status
    case -ENOENT, -ENOTDIR: return nil
    case let code: throw .last(.inspect, path, errno: -code)
    }
  }
}
