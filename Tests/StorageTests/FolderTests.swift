import Storage
import TestSupport
import Testing

struct FolderTests {
  let scratch = Scratch()

  @Test func `a folder is made with its parents, and again without harm`() throws {
    try Folder.create(scratch("a/b/c"), mode: 0o700)
    try Folder.create(scratch("a/b/c"))
    #expect(try FileStatus.of(scratch("a/b/c"))?.mode == 0o700)
    try Folder.flush(scratch("a"))
  }

  @Test func `a folder is not made where a file stands`() throws {
    let path = try scratch.write("a", "x")
    let error = #expect(throws: StorageError.self) { try Folder.create(path) }
    #expect(error == .exists(path: path))
  }

  @Test func `a new folder must be new`() throws {
    try Folder.createNew(scratch("a"), mode: 0o755)
    let error = #expect(throws: StorageError.self) {
      try Folder.createNew(scratch("a"), mode: 0o755)
    }
    #expect(error == .exists(path: scratch("a")))
  }

  @Test func `names come sorted by bytes, hidden ones too`() throws {
    for name in ["b", "a", "B", ".hidden", "é", "a10", "a2"] { try scratch.write(name, "") }
    #expect(try Folder.list(scratch.path) == [".hidden", "B", "a", "a10", "a2", "b", "é"])
  }

  @Test func `a missing folder is refused`() {
    let error = #expect(throws: StorageError.self) { _ = try Folder.list(scratch("none")) }
    #expect(error?.sentence == "cannot list \(scratch("none")): No such file or directory")
  }

  @Test func `removing a tree takes links away and follows none`() throws {
    let kept = try scratch.write("kept/a.txt", "x")
    try scratch.write("tree/deep/b.txt", "x")
    try scratch.link("tree/to-file", to: kept)
    try scratch.link("tree/deep/to-folder", to: scratch("kept"))
    try scratch.link("tree/dead", to: "nowhere")
    try Folder.removeTree(scratch("tree"))
    #expect(try Folder.list(scratch.path) == ["kept"])
    #expect(try scratch.read("kept/a.txt") == Array("x".utf8))
  }

  @Test func `a link to a folder is itself removed`() throws {
    try scratch.write("kept/a.txt", "x")
    try scratch.link("link", to: "kept")
    try Folder.removeTree(scratch("link"))
    #expect(try Folder.list(scratch.path) == ["kept"])
    #expect(try Folder.list(scratch("kept")) == ["a.txt"])
  }

  @Test func `removing nothing is fine`() throws {
    try Folder.removeTree(scratch("none"))
  }

  @Test func `free space is counted`() throws {
    #expect(try Folder.freeByteCount(scratch.path) > 0)
  }
}
