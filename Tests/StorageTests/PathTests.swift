import Storage
import TestSupport
import Testing

struct PathTests {
  @Test(arguments: ["a", "a/b.safetensors", "..a", "a..", "...", "a/.b/c", "é/层", "a b", "a\\b"])
  func `a name below its folder stays inside`(name: String) {
    #expect(Path.staysInside(name))
  }

  // The last ones: a combining mark makes one character of itself and the slash before it.
  @Test(arguments: [
    "", "/", "/a", ".", "..", "./a", "../a", "a/..", "a/../b", "a//b", "a/", "a/./b", "a\0b",
    "../\u{301}x", "/\u{301}x", "a/../\u{301}x", "..\u{2F}\u{338}",
  ]) func `a name that leaves its folder is told apart`(name: String) {
    #expect(!Path.staysInside(name))
  }

  @Test func `parents and names are taken from the text`() {
    for (path, parent, name) in [
      ("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b/", "a", "b"), ("/", "/", "/"),
      ("a/\u{301}b", "a", "\u{301}b"),
    ] {
      #expect(Array(Path.parent(path).utf8) == Array(parent.utf8))
      #expect(Array(Path.name(path).utf8) == Array(name.utf8))
    }
  }

  @Test func `a path is joined with one slash`() {
    #expect(Path.join("/a", "b") == "/a/b")
    #expect(Path.join("/", "b") == "/b")
    #expect(Path.join("a/", "b") == "a/b")
  }

  @Test func `an absolute path has no dots`() {
    #expect(Path.absolute("/a/./b/../c//d/") == "/a/c/d")
    #expect(Path.absolute("/../..") == "/")
    #expect(Path.absolute("x/..") == Path.absolute("."))
    #expect(Path.absolute("x") == Path.join(Path.absolute(""), "x"))
    #expect(Path.absolute("/a/../\u{301}b").utf8.elementsEqual("/\u{301}b".utf8))
  }

  @Test func `a resolved path follows links`() throws {
    let scratch = Scratch()
    try scratch.write("a/b", "x")
    try scratch.link("link", to: "a")
    #expect(Path.resolved(scratch("link/b")) == scratch("a/b"))
    #expect(Path.resolved(scratch("none")) == nil)
  }
}
