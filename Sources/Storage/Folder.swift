// Folders and the durable verbs: every function that says "durably" returns only when the change
// would survive a power cut (file flushed, then its folder).
import Glibc

package enum Folder {
  /// Creates a folder and its missing parents; one that exists already is fine.
  package static func create(_ path: String, mode: UInt32 = 0o755) throws(StorageError) {
    let code = Host.kernel.createFolder(path, mode: mode)
    switch code {
    case 0: return
    case -EEXIST:
      guard try FileStatus.of(path)?.isFolder == true else { throw .exists(path: path) }
    case -ENOENT where Path.parent(path) != path:
      try create(Path.parent(path))
      try create(path, mode: mode)
    default: throw .last(.create, path, errno: -code)
    }
  }

  /// Creates a folder and its missing parents below `root`, which must be there itself: what
  /// somebody else has removed meanwhile is not made again.
  package static func create(_ path: String, below root: String) throws(StorageError) {
    guard path != root else { return }
    invariant(path.hasPrefix(root + "/"), "\(path) is not below \(root)")
    try create(Path.parent(path), below: root)
    let code = Host.kernel.createFolder(path, mode: 0o755)
    if code == 0 { return }
    guard code == -EEXIST else { throw .last(.create, path, errno: -code) }
    guard try FileStatus.of(path)?.isFolder == true else { throw .exists(path: path) }
  }

  /// Creates a folder that must not exist.
  package static func createNew(_ path: String, mode: UInt32) throws(StorageError) {
    let code = Host.kernel.createFolder(path, mode: mode)
    guard code == 0 else { throw .last(.create, path, errno: -code) }
  }

  /// Names in a folder, sorted by bytes, without `.` and `..`.
  package static func list(_ path: String) throws(StorageError) -> [String] {
    var names: [String] = []
    let code = Host.kernel.list(path, &names)
    guard code == 0 else { throw .last(.list, path, errno: -code) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Returns once names added to and removed from the folder survive a power cut.
  package static func flush(_ path: String) throws(StorageError) {
    let kernel = Host.kernel
    let descriptor = kernel.open(path, .folder)
    guard descriptor >= 0 else { throw .last(.open, path, errno: -descriptor) }
    defer { _ = kernel.close(descriptor) }
    let code = kernel.flush(descriptor)
    // Some file systems cannot flush a folder and say EINVAL: there is nothing more to be had.
    guard code == 0 || code == -EINVAL else { throw .last(.flush, path, errno: -code) }
  }

  /// Removes a file or a folder with all it holds; links are removed, never followed. Nothing there
  /// is fine.
  package static func removeTree(_ path: String) throws(StorageError) {
    let kernel = Host.kernel
    var code = kernel.unlink(path)
    if code == 0 || code == -ENOENT { return }
    // Of folders unlink says EISDIR on Linux, EPERM by POSIX; EPERM also of files that must stay.
    var isFolder = code == -EISDIR
    if code == -EPERM { isFolder = try FileStatus.of(path)?.isFolder == true }
    guard isFolder else { throw .last(.remove, path, errno: -code) }
    for name in try list(path) { try removeTree(Path.join(path, name)) }
    code = kernel.removeFolder(path)
    guard code == 0 || code == -ENOENT else { throw .last(.remove, path, errno: -code) }
  }

  /// Bytes a user may still write on the file system that holds the path.
  package static func freeByteCount(_ path: String) throws(StorageError) -> Int64 {
    let count = Host.kernel.freeByteCount(path)
    guard count >= 0 else { throw .last(.inspect, path, errno: Int32(-count)) }
    return count
  }
}
