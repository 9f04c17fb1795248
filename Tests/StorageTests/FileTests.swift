import Glibc
import Storage
import TestSupport
import Testing

struct FileTests {
  let scratch = Scratch()

  private func sentence(_ step: () throws -> Void) -> String? {
    let error = #expect(throws: StorageError.self) { try step() }
    return error?.sentence
  }

  @Test func `bytes are written and read at their offsets`() throws {
    let file = try File.create(scratch("a"))
    try file.write([3, 4], at: 2)
    try file.write([1, 2], at: 0)
    #expect(try file.read(count: 3, at: 1) == [2, 3, 4])
    #expect(try file.status().byteCount == 4)
    try file.flush()
    try file.close()
    #expect(try scratch.read("a") == [1, 2, 3, 4])
  }

  @Test func `a read past the end says where the file ends`() throws {
    let path = try scratch.write("a", [1, 2, 3])
    #expect(
      sentence { _ = try File.open(path).read(count: 4, at: 1) }
        == "\(path) ends early: 4 bytes expected at offset 1, 2 found; "
        + "the file is truncated or changed while it was read")
  }

  @Test func `a file is created only where nothing is, not even a link to nothing`() throws {
    let path = try scratch.write("a", "x")
    try scratch.link("dead", to: "nowhere")
    #expect(sentence { _ = try File.create(path) } == "\(path) exists already")
    #expect(
      sentence { _ = try File.create(scratch("dead")) } == "\(scratch("dead")) exists already")
  }

  @Test func `a created file has the rights asked for`() throws {
    try File.create(scratch("secret"), mode: 0o600).close()
    #expect(try FileStatus.of(scratch("secret"))?.mode == 0o600)
  }

  @Test func `a folder is not opened as a file`() {
    #expect(sentence { _ = try File.open(scratch.path) } == "\(scratch.path) is not a plain file")
  }

  @Test(.timeLimit(.minutes(30))) func `a pipe that nobody writes is refused at once`() throws {
    let path = scratch("pipe")
    try #require(unsafe mkfifo(path, 0o600) == 0)
    #expect(sentence { _ = try File.open(path) } == "\(path) is not a plain file")
  }

  @Test func `a missing file is refused with the system's words`() {
    #expect(
      sentence { _ = try File.open(scratch("none")) }
        == "cannot open \(scratch("none")): No such file or directory")
  }

  @Test func `reserving sets the exact size`() throws {
    let file = try File.create(scratch("a"))
    try file.reserve(byteCount: 12_345)
    #expect(try file.status().byteCount == 12_345)
    try file.reserve(byteCount: 0)
    #expect(try file.read(count: 5, at: 12_340) == [0, 0, 0, 0, 0])
  }

  @Test func `a second lock is refused until the first owner goes`() throws {
    let path = try scratch.write("lock", "")
    do {
      var first = try File.open(path)
      #expect(try first.lock())
      var second = try File.open(path)
      #expect(try !second.lock())
    }
    var third = try File.open(path)
    #expect(try third.lock())
  }

  @Test func `a lock goes with its file though a fork has the descriptor too`() throws {
    let path = try scratch.write("lock", "")
    var first = try File.open(path)
    #expect(try first.lock())
    let open = try Folder.list("/proc/self/fd")
    let number = try #require(
      open.first { LinuxKernel().resolve("/proc/self/fd/\($0)") == path })
    // What a child has between fork(2) and execve(2).
    let copy = dup(try #require(Int32(number)))
    defer { close(copy) }
    try first.close()
    var second = try File.open(path)
    #expect(try second.lock())
  }

  @Test func `a status follows links and is nil where nothing is`() throws {
    let path = try scratch.write("a", "abc")
    try scratch.link("link", to: "a")
    try scratch.link("dead", to: "nowhere")
    let status = try #require(try FileStatus.of(scratch("link")))
    #expect(status == (try FileStatus.of(path)))
    #expect(status.byteCount == 3 && status.isPlainFile && !status.isFolder)
    #expect(status.modified > 1_700_000_000_000_000_000)
    #expect(try FileStatus.of(scratch("dead")) == nil)
    #expect(try FileStatus.of(path + "/below") == nil)
    #expect(try FileStatus.of(scratch.path)?.isFolder == true)
  }

  @Test func `a full disk says how much is needed`() {
    #expect(
      StorageError.last(.write, "/d/a", errno: ENOSPC, needed: 7).sentence
        == "no space left for /d/a: 7 bytes are needed; free some and run the command again")
    #expect(
      StorageError.last(.flush, "/d/a", errno: EDQUOT).sentence
        == "no space left for /d/a; free some and run the command again")
  }
}
