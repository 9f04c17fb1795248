// A private folder for one test, with a path short enough for Unix sockets.
import Glibc
import Storage

/// Exists until the test lets it go; mode 0700.
final class ScratchFolder {
  let path: String

  init() throws {
    path = "/tmp/sw-messaging-" + String(UInt64.random(in: 0...(.max)), radix: 36)
    try Folder.createNew(path, mode: 0o700)
  }

  deinit {
    do { try Folder.removeTree(path) } catch { print("left behind: \(error.sentence)") }
  }

  func file(_ name: String) -> String { Path.join(path, name) }

  /// Writes a small file with the given mode, replacing what is there.
  func write(_ text: String, _ name: String, mode: UInt32 = 0o600) throws {
    try WholeFile.write(Array(text.utf8), to: file(name))
    setMode(mode, name)
  }

  func setMode(_ mode: UInt32, _ name: String) {
    let status = unsafe chmod(file(name), mode)
    invariant(status == 0, "chmod \(name)")
  }

  func text(_ name: String) throws -> String {
    String(decoding: try WholeFile.read(file(name)), as: UTF8.self)
  }
}
