import Glibc
import Storage
import TestSupport
import Testing

struct WholeFileTests {
  let scratch = Scratch()

  @Test func `writing replaces a file in one step and leaves nothing beside it`() throws {
    let path = scratch("a.json")
    try WholeFile.write([1], to: path)
    let old = try File.open(path)
    try WholeFile.write([2, 3], to: path)
    #expect(try WholeFile.read(path) == [2, 3])
    #expect(try old.read(count: 1, at: 0) == [1])
    #expect(try Folder.list(scratch.path) == ["a.json"])
  }

  @Test func `writing where a folder stands leaves nothing beside it`() throws {
    try Folder.create(scratch("a/b"))
    #expect(throws: StorageError.self) { try WholeFile.write([1], to: scratch("a")) }
    #expect(try Folder.list(scratch.path) == ["a"])
  }

  @Test func `a file larger than the limit is not read`() throws {
    let path = try scratch.write("a", [1, 2, 3])
    let error = #expect(throws: StorageError.self) { _ = try WholeFile.read(path, limit: 2) }
    #expect(error?.sentence == "cannot read \(path): File too large")
  }

  @Test func `a name is given once`() throws {
    #expect(try WholeFile.createIfAbsent([1], at: scratch("a")))
    #expect(try !WholeFile.createIfAbsent([2], at: scratch("a")))
    #expect(try scratch.read("a") == [1])
    #expect(try Folder.list(scratch.path) == ["a"])
  }

  @Test func `of many that create at once exactly one wins`() async throws {
    let path = scratch("a")
    let winners = try await withThrowingTaskGroup(of: UInt8?.self) { group in
      for number in UInt8(1)...16 {
        group.addTask { try WholeFile.createIfAbsent([number], at: path) ? number : nil }
      }
      return try await group.reduce(into: [UInt8]()) { if let winner = $1 { $0.append(winner) } }
    }
    #expect(winners.count == 1)
    #expect(try scratch.read("a") == winners)
    #expect(try Folder.list(scratch.path) == ["a"])
  }

  @Test func `a file moves to a free name`() throws {
    let from = try scratch.write("a", "x")
    try Folder.create(scratch("b"))
    try WholeFile.moveIfAbsent(from: from, to: scratch("b/c"))
    #expect(try scratch.read("b/c") == Array("x".utf8))
    #expect(try FileStatus.of(from) == nil)
  }

  @Test func `a move never replaces another file`() throws {
    let (from, to) = (try scratch.write("a", "x"), try scratch.write("b", "x"))
    let error = #expect(throws: StorageError.self) {
      try WholeFile.moveIfAbsent(from: from, to: to)
    }
    #expect(error == .exists(path: to))
    #expect(try Folder.list(scratch.path) == ["a", "b"])
  }

  @Test func `a move already done is done`() throws {
    let from = try scratch.write("a", "x")
    try WholeFile.moveIfAbsent(from: from, to: scratch("b"))
    try WholeFile.moveIfAbsent(from: from, to: scratch("b"))
    #expect(try Folder.list(scratch.path) == ["b"])
  }

  @Test func `a move half done, both names on one file, is finished`() throws {
    let from = try scratch.write("a", "x")
    try #require(unsafe link(from, scratch("b")) == 0)
    try WholeFile.moveIfAbsent(from: from, to: scratch("b"))
    #expect(try Folder.list(scratch.path) == ["b"])
  }

  @Test func `a move onto itself keeps the file`() throws {
    let path = try scratch.write("a", "x")
    try WholeFile.moveIfAbsent(from: path, to: scratch("./a"))
    #expect(try scratch.read("a") == Array("x".utf8))
  }

  @Test func `a move from nothing to nothing is refused`() {
    let error = #expect(throws: StorageError.self) {
      try WholeFile.moveIfAbsent(from: scratch("a"), to: scratch("b"))
    }
    #expect(error?.sentence == "cannot rename \(scratch("b")): No such file or directory")
  }
}
