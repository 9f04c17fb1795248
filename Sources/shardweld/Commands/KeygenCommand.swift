// `shardweld keygen`: the folder of keys, and where each part of it is used.
import Messaging
import Storage

enum KeygenCommand {
  static func run(_ flags: KeygenFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags))
  }

  /// Makes the keys and gives what is printed.
  static func text(_ flags: KeygenFlags) throws(CommandError) -> String {
    let path = Path.absolute(flags.folder)
    let names = names(flags.workers)
    do throws(MessagingError) { try KeyFolder.create(path, workers: names) } catch {
      throw .messaging(error)
    }
    let isSingle = names.count == 1
    let folder =
      isSingle
      ? path : "\(path)/workers/NAME, NAME from \(names[0]) to \(names[names.count - 1])"
    return """
      Keys for a coordinator and \(isSingle ? "a worker" : "\(names.count) workers") are in \(path).
        coordinator  --keys \(path)
        worker       --keys \(folder)
      Copy a worker's folder only over a connection that you trust. To shut a worker
      out, remove its line from \(path)/authorized_keys.

      """
  }

  /// `worker` for one; `worker-1`, `worker-2` … for several.
  static func names(_ count: Int) -> [String] {
    count == 1 ? ["worker"] : (1...count).map { "worker-\($0)" }
  }
}
