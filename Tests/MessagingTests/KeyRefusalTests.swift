// Each file of a key folder as each thing it must not be. Which side reads it decides who refuses.
import Glibc
import Messaging
import Storage
import Testing

private enum Reader: Sendable { case coordinator, worker }

private let files: [(name: String, reader: Reader, expected: String)] = [
  ("coordinator.secret", .coordinator, "0600"), ("authorized_keys", .coordinator, "0644"),
  ("worker.secret", .worker, "0600"), ("coordinator.public", .worker, "0644"),
]

/// What is said of a new key folder after one of its files was changed.
private func sentence(
  _ reader: Reader, _ scratch: ScratchFolder, change: (_ path: String) throws -> Void,
  _ name: String
) throws -> String? {
  let folder = scratch.file("keys")
  try KeyFolder.create(folder, workers: ["w"])
  try change(Path.join(folder, name))
  do throws(MessagingError) {
    switch reader {
    case .coordinator: _ = try KeyFolder.coordinator(folder)
    case .worker: _ = try KeyFolder.worker(folder)
    }
    return nil
  } catch { return error.sentence }
}

@Test func `a file that others may change is refused, a secret also where they may read it`() throws
{
  for (name, reader, expected) in files {
    for mode in [0o604, 0o640, 0o620, 0o602, 0o666, 0o4600, 0o644] as [UInt32] {
      let scratch = try ScratchFolder()
      let path = scratch.file("keys/" + name)
      let found = try sentence(
        reader, scratch, change: { _ in scratch.setMode(mode, "keys/" + name) }, name)
      let forbidden: UInt32 = expected == "0600" ? 0o077 : 0o022
      let digits = "0" + String(mode, radix: 8)
      let loose =
        "\(path) is open to other users: mode \(expected) expected, \(digits) found; "
        + "run: chmod \(expected) \(path)"
      #expect(found == (mode & forbidden == 0 ? nil : loose), "\(name) \(digits)")
    }
  }
}

@Test func `a link where a file must be is refused, wherever it leads`() throws {
  for (name, reader, _) in files {
    let scratch = try ScratchFolder()
    let found = try sentence(
      reader, scratch,
      change: { path in
        unsafe #expect(rename(path, scratch.file("elsewhere")) == 0)
        unsafe #expect(symlink(scratch.file("elsewhere"), path) == 0)
      }, name)
    #expect(found == "\(scratch.file("keys/" + name)) is a link; give the file or folder itself")
  }
}

@Test func `a pipe or a folder where a file must be is refused at once`() throws {
  for (name, reader, _) in files {
    for kind in [S_IFIFO, S_IFDIR] {
      let scratch = try ScratchFolder()
      let found = try sentence(
        reader, scratch,
        change: { path in
          try Folder.removeTree(path)
          unsafe #expect((kind == S_IFIFO ? mkfifo(path, 0o600) : mkdir(path, 0o700)) == 0)
        }, name)
      #expect(found == "\(scratch.file("keys/" + name)) is not a plain file")
    }
  }
}

@Test func `a file that is missing is named`() throws {
  for (name, reader, _) in files {
    let scratch = try ScratchFolder()
    let found = try sentence(reader, scratch, change: { try Folder.removeTree($0) }, name)
    let path = scratch.file("keys/" + name)
    #expect(found == "\(path) does not exist; make keys with: shardweld keygen DIR")
  }
}

@Test func `a file far too large is refused unread`() throws {
  for (name, reader, _) in files {
    let scratch = try ScratchFolder()
    let byteCount = name == "authorized_keys" ? off_t(8 << 20) + 1 : 257
    let found = try sentence(
      reader, scratch, change: { unsafe #expect(truncate($0, byteCount) == 0) }, name)
    #expect(found == "cannot read \(scratch.file("keys/" + name)): File too large")
  }
}

@Test(.enabled(if: geteuid() == 0, "only root can give files away"))
func `a file of somebody else is refused`() throws {
  for (name, reader, _) in files {
    let scratch = try ScratchFolder()
    let found = try sentence(
      reader, scratch, change: { unsafe #expect(chown($0, 12_345, 0) == 0) }, name)
    let path = scratch.file("keys/" + name)
    #expect(
      found == "\(path) belongs to user 12345, expected user 0: who owns it could change it")
  }
}

@Test func `a list that becomes a link while it is in use authorises nobody`() throws {
  let scratch = try ScratchFolder()
  let key = KeyPair.generate().publicKey
  try scratch.write("\(key) one\n", "list")
  let path = scratch.file("list")
  let list = try AllowList(path: path)
  #expect(list.name(of: key) == "one")
  try scratch.write("\(key) two\n", "other")
  unsafe #expect(unlink(path) == 0)
  unsafe #expect(symlink(scratch.file("other"), path) == 0)
  #expect(list.verdict(on: key, from: "") == .refused(.listUnusable))
  #expect(list.takeProblem() == .isLink(path: path))
}

@Test(.enabled(if: geteuid() == 0, "only root can give files away"))
func `a list given to somebody else while it is in use authorises nobody`() throws {
  let scratch = try ScratchFolder()
  let key = KeyPair.generate().publicKey
  try scratch.write("\(key) one\n", "list")
  let path = scratch.file("list")
  let list = try AllowList(path: path)
  unsafe #expect(chown(path, 12_345, 0) == 0)
  #expect(list.verdict(on: key, from: "") == .refused(.listUnusable))
  #expect(list.takeProblem() == .notOurs(path: path, owner: 12_345, expected: 0))
  unsafe #expect(chown(path, 0, 0) == 0)
  #expect(list.verdict(on: key, from: "") == .admitted(name: "one"))
}
