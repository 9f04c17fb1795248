// Folders of keys: what is made, what is read, and everything that is refused.
import Glibc
import Messaging
import Storage
import Testing

private func sentence(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as MessagingError {
    return error.sentence
  } catch { return "another error: \(error)" }
}

/// A folder with keys for one worker called `worker`.
private func made(in scratch: ScratchFolder) throws -> String {
  let path = scratch.file("keys")
  try KeyFolder.create(path, workers: ["worker"])
  return path
}

@Test func `new keys are private and fit together`() throws {
  let scratch = try ScratchFolder()
  let path = try made(in: scratch)
  #expect(try FileStatus.of(path)?.mode == 0o700)
  for (name, mode) in [
    ("coordinator.secret", 0o600), ("worker.secret", 0o600), ("coordinator.public", 0o644),
    ("worker.public", 0o644), ("authorized_keys", 0o600),
  ] as [(String, UInt32)] {
    #expect(try FileStatus.of(Path.join(path, name))?.mode == mode, "\(name)")
  }
  let (coordinator, allowList) = try KeyFolder.coordinator(path)
  let (worker, serverKey) = try KeyFolder.worker(path)
  #expect(serverKey == coordinator.publicKey)
  #expect(worker.publicKey != coordinator.publicKey)
  #expect(allowList.name(of: worker.publicKey) == "worker")
  #expect(allowList.name(of: coordinator.publicKey) == nil)
  #expect(try scratch.text("keys/worker.public") == worker.publicKey.text + "\n")
}

@Test func `each of several workers has a folder of its own`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.file("keys")
  try KeyFolder.create(path, workers: ["node-1", "node-2"])
  let (coordinator, allowList) = try KeyFolder.coordinator(path)
  for name in ["node-1", "node-2"] {
    let folder = Path.join(path, "workers/" + name)
    #expect(try FileStatus.of(folder)?.mode == 0o700)
    let (worker, serverKey) = try KeyFolder.worker(folder)
    #expect(serverKey == coordinator.publicKey)
    #expect(allowList.name(of: worker.publicKey) == name)
  }
}

@Test func `keys go into an empty folder but not over anything`() throws {
  let scratch = try ScratchFolder()
  try KeyFolder.create(scratch.path, workers: ["w"])
  let before = try scratch.text("coordinator.public")
  #expect(
    sentence { try KeyFolder.create(scratch.path, workers: ["w"]) }
      == "\(scratch.path) is not empty; give a new folder for the keys")
  #expect(try scratch.text("coordinator.public") == before)
}

@Test func `bad names of workers are refused`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.file("keys")
  for name in ["", "../x", "a b", "-n", ".n", "größe", String(repeating: "n", count: 65)] {
    #expect(
      sentence { try KeyFolder.create(path, workers: [name]) }
        == "'\(name)' cannot name a worker: 1 to 64 letters, digits, '.', '_' and '-' expected, "
        + "not beginning with '.' or '-'")
  }
  #expect(
    sentence { try KeyFolder.create(path, workers: ["a", "a"]) }
      == "2 names of workers were given: at least one expected, and no name twice")
  #expect(
    sentence { try KeyFolder.create(path, workers: []) }
      == "0 names of workers were given: at least one expected, and no name twice")
  #expect(try FileStatus.of(path) == nil)
}

@Test func `keys in a folder that cannot be made are refused`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.file("no/such/keys")
  #expect(
    sentence { try KeyFolder.create(path, workers: ["w"]) }
      == "cannot create \(path): No such file or directory")
}

@Test func `a folder that others may enter is refused`() throws {
  let scratch = try ScratchFolder()
  let path = try made(in: scratch)
  scratch.setMode(0o750, "keys")
  let expected =
    "\(path) is open to other users: mode 0700 expected, 0750 found; run: chmod 0700 \(path)"
  #expect(sentence { _ = try KeyFolder.coordinator(path) } == expected)
  #expect(sentence { _ = try KeyFolder.worker(path) } == expected)
}

@Test func `links are refused for the folder and for its files`() throws {
  let scratch = try ScratchFolder()
  let path = try made(in: scratch)
  let link = scratch.file("link")
  unsafe #expect(symlink(path, link) == 0)
  for text in [link, link + "/"] {
    #expect(
      sentence { _ = try KeyFolder.worker(text) }
        == "\(text) is a link; give the file or folder itself")
  }
  let secret = path + "/worker.secret"
  unsafe #expect(rename(secret, scratch.file("elsewhere")) == 0)
  unsafe #expect(symlink(scratch.file("elsewhere"), secret) == 0)
  #expect(
    sentence { _ = try KeyFolder.worker(path) }
      == "\(secret) is a link; give the file or folder itself")
}

@Test(.enabled(if: geteuid() == 0, "only root can give a folder away"))
func `a folder of somebody else is refused`() throws {
  let scratch = try ScratchFolder()
  let path = try made(in: scratch)
  unsafe #expect(chown(path, 12_345, 0) == 0)
  #expect(
    sentence { _ = try KeyFolder.worker(path) }
      == "\(path) belongs to user 12345, expected user 0: who owns it could change it")
}

@Test func `a folder or a key that is missing is named`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.file("keys")
  #expect(
    sentence { _ = try KeyFolder.worker(path) }
      == "\(path) does not exist; make keys with: shardweld keygen DIR")
  try KeyFolder.create(path, workers: ["a", "b"])
  #expect(
    sentence { _ = try KeyFolder.worker(path) }
      == "\(path)/worker.secret does not exist; make keys with: shardweld keygen DIR")
}

@Test func `a file where the folder must be is refused`() throws {
  let scratch = try ScratchFolder()
  try scratch.write("x", "keys")
  let path = scratch.file("keys")
  #expect(sentence { _ = try KeyFolder.worker(path) } == "\(path) is not a folder")
}

@Test(
  arguments: [
    "", "short\n", String(repeating: " ", count: 40), String(repeating: "#", count: 40),
    String(repeating: "0", count: 41), String(repeating: "0", count: 39) + "ä",
    String(repeating: "0", count: 39) + "\0",
  ])
func `a file that holds no key is refused`(text: String) throws {
  let scratch = try ScratchFolder()
  let path = try made(in: scratch)
  try scratch.write(text, "keys/worker.secret")
  let expected = "does not hold a key: one line of 40 Z85 characters expected; copy the file again"
  #expect(sentence { _ = try KeyFolder.worker(path) } == "\(path)/worker.secret \(expected)")
  try Folder.removeTree(path)
  _ = try made(in: scratch)
  try scratch.write(text, "keys/coordinator.public")
  #expect(sentence { _ = try KeyFolder.worker(path) } == "\(path)/coordinator.public \(expected)")
}

@Test func `a public key's text is what Z85 allows and nothing else`() {
  let key = KeyPair.generate().publicKey
  #expect(PublicKey(key.text) == key)
  #expect(key.text.utf8.count == 40)
  #expect("\(key)" == key.text)
  for text in ["", String(key.text.dropLast()), key.text + "0", key.text.dropLast() + "\""] {
    #expect(PublicKey(text) == nil, "\(text)")
  }
  #expect(KeyPair.generate().publicKey != key)
}
