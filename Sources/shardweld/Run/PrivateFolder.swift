// A folder that only this user can enter, for the socket and the keys of one local run.
import Glibc
import Ledger
import Messaging
import Planning
import Storage

struct PrivateFolder {
  let path: String
  var keys: String { path + "/keys" }
  var endpoint: String { "ipc://" + path + "/socket" }

  private static let prefix = "shardweld-"

  /// Makes the folder and fresh keys in it. Sockets' names must be short, so it lies where the system
  /// keeps such folders and not beside the output.
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

  /// Removes the folder that a killed coordinator of this merge left behind.
  static func removeLeftover(of folder: JobFolder, _ log: Log) {
    do throws(LedgerError) {
      guard let epoch = try EpochRecord.newest(in: folder), epoch.host == Host.name else { return }
      let parts = epoch.endpoint.split(separator: "/", omittingEmptySubsequences: false)
      guard epoch.endpoint.hasPrefix("ipc://" + parent + "/" + prefix), parts.last == "socket"
      else { return }
      let path = parts.dropFirst(2).dropLast().joined(separator: "/")
      do throws(StorageError) { try Folder.removeTree(path) } catch { log.debug(error.sentence) }
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
