// Who may work: the file's lines, and that a change counts at once.
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

private func newKey() -> PublicKey { KeyPair.generate().publicKey }

@Test func `a list in memory says what it was told`() {
  let (a, b) = (newKey(), newKey())
  let list = AllowList([a: "one"])
  #expect(list.name(of: a) == "one")
  #expect(list.name(of: b) == nil)
  list.insert(b, name: "two")
  list.remove(a)
  #expect(list.name(of: a) == nil)
  #expect(list.name(of: b) == "two")
}

@Test func `a file's lines, comments and blanks are read`() throws {
  let scratch = try ScratchFolder()
  let (a, b) = (newKey(), newKey())
  try scratch.write("# workers\n\n  \(a)\tnode-1  \r\n#\(b) node-2\n# \(b) node-2", "list")
  let list = try AllowList(path: scratch.file("list"))
  #expect(list.name(of: a) == "node-1")
  #expect(list.name(of: b) == nil)
  #expect(list.takeProblem() == nil)
}

@Test func `no key begins with the sign of a comment`() {
  #expect(PublicKey("%" + String(repeating: "0", count: 39)) != nil)
  #expect(PublicKey("#" + String(repeating: "0", count: 39)) == nil)
}

@Test(arguments: ["KEY", "short node", "KEY no/de"])
func `a line that authorises nobody is refused at the start`(line: String) throws {
  let scratch = try ScratchFolder()
  let text = line == "short node" ? line : "\(newKey())" + line.dropFirst(3)
  try scratch.write("# ok\n\(text)\n", "list")
  let path = scratch.file("list")
  #expect(
    sentence { _ = try AllowList(path: path) }
      == "\(path) line 2 does not authorise a worker: 'KEY NAME [OPTIONS]' expected, "
      + "a key of 40 Z85 characters and a name of letters, digits, '.', '_' and '-'")
}

@Test func `a key on two lines is refused at the start`() throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  try scratch.write("\(key) a\n\(key) b\n", "list")
  let path = scratch.file("list")
  #expect(
    sentence { _ = try AllowList(path: path) }
      == "\(path) line 2 authorises a key that an earlier line has; remove one of the two")
}

@Test func `a list that does not exist is refused at the start`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.file("list")
  #expect(
    sentence { _ = try AllowList(path: path) }
      == "\(path) does not exist; make keys with: shardweld keygen DIR")
}

@Test func `a changed file counts at the next question`() throws {
  let scratch = try ScratchFolder()
  let (a, b) = (newKey(), newKey())
  try scratch.write("\(a) one\n\(b) two\n", "list")
  let list = try AllowList(path: scratch.file("list"))
  list.insert(b, name: "by hand")
  #expect(list.name(of: a) == "one")
  try scratch.write("\(b) two\n", "list")
  #expect(list.name(of: a) == nil)
  #expect(list.name(of: b) == "by hand")
  list.remove(b)
  #expect(list.name(of: b) == "two")
}

@Test func `a bad line that comes later shuts out nobody else and is told once`() throws {
  let scratch = try ScratchFolder()
  let (a, b) = (newKey(), newKey())
  try scratch.write("\(a) one\n\(b) two\n", "list")
  let path = scratch.file("list")
  let list = try AllowList(path: path)
  try scratch.write("\(a)\n\(b) two\n", "list")
  #expect(list.name(of: a) == nil)
  #expect(list.name(of: b) == "two")
  #expect(list.takeProblem() == .badLine(path: path, line: 1))
  #expect(list.takeProblem() == nil)
}

@Test func `a file that is gone or open to others authorises nobody`() throws {
  let scratch = try ScratchFolder()
  let key = newKey()
  try scratch.write("\(key) one\n", "list")
  let path = scratch.file("list")
  let list = try AllowList(path: path)
  scratch.setMode(0o666, "list")
  #expect(list.name(of: key) == nil)
  #expect(list.takeProblem() == .loose(path: path, mode: 0o666, expected: 0o644))
  scratch.setMode(0o600, "list")
  #expect(list.name(of: key) == "one")
  try Folder.removeTree(path)
  #expect(list.name(of: key) == nil)
  #expect(list.takeProblem() == .missing(path: path))
}
