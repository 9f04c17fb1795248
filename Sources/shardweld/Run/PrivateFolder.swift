// A folder that only this user can enter, for the socket and the keys of one local run.
import Glibc
import Messaging
import Storage

struct PrivateFolder {
  let path: String
  var keys: String { path + "/keys" }
  var endpoint: String { "ipc://" + path + "/socket" }

  private static let prefix = "shardweld-"

  /// Makes the folder and fresh keys in it. Sockets' names must be short, so it lies where the
  /// system keeps such folders and not beside the output.
  init() throws(CommandError) {
    let nonce = String(UInt64.random(in: .min ... .max), radix: 36)
    let path = Self.parent + "/" + Self.prefix + "\(getpid())-\(nonce)"
    try wrap(CommandError.storage) { () throws(StorageError) in
      try Folder.createNew(path, mode: 0o700)
    }
    self.path = path
    let keys = path + "/keys"
    try wrap(CommandError.messaging) { () throws(MessagingError) in
      try KeyFolder.create(keys, workers: ["local"])
    }
  }

  /// Removes the folder; what is left of it harms nobody, since its keys open nothing any more.
  func remove(_ log: Log) {
    do throws(StorageError) { try Folder.removeTree(path) } catch { log.debug(error.sentence) }
  }

  /// Removes the folders that killed runs of this user left behind: their process is gone.
  static func removeLeftovers(_ log: Log) {
    do throws(StorageError) {
      for name in try Folder.list(parent) where name.hasPrefix(prefix) {
        let path = Path.join(parent, name)
        guard let processID = pid_t(name.dropFirst(prefix.count).prefix { $0 != "-" }),
          kill(processID, 0) != 0, errno == ESRCH,
          let status = try FileStatus.of(path), status.isFolder, status.owner == getuid()
        else { continue }
        try Folder.removeTree(path)
      }
    } catch { log.debug(error.sentence) }
  }

  /// The user's own runtime folder where there is one.
  private static var parent: String {
    if let value = unsafe getenv("XDG_RUNTIME_DIR") {
      let folder = unsafe String(cString: value)
      if folder.hasPrefix("/"), folder.utf8.count < 40, unsafe access(folder, W_OK) == 0 {
        return folder
      }
    }
    return "/tmp"
  }
}
