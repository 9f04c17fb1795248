// A folder of its own for a test. As a suite's property it lives as long as the test does:
//
//   struct ShardHeaderTests {
//     let scratch = Scratch()
//     @Test func `…`() throws { let path = try scratch.write("a.json", "{}") … }
//   }
import Glibc
import Storage

/// A new folder below the system's temporary one, removed with its owner.
package final class Scratch: Sendable {
  /// Absolute, links followed.
  package let path: String

  package init() {
    let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var name = Array(Path.join(base, "shardweld-test-XXXXXX").utf8CString)
    let made = unsafe name.withUnsafeMutableBufferPointer { buffer in
      unsafe mkdtemp(buffer.baseAddress!).map { unsafe String(cString: $0) }
    }
    guard let made, let path = Path.resolved(made) else {
      fatalError("no scratch folder in \(base)")
    }
    self.path = path
  }

  deinit {
    // A test may have taken rights from its folders; what cannot be removed is left to the system.
    do { try Folder.removeTree(path) } catch { print("left behind: \(error.sentence)") }
  }

  /// The absolute path of a name in the folder.
  package func callAsFunction(_ name: String) -> String { Path.join(path, name) }

  /// Writes a file, with the folders it lies in, and gives its absolute path.
  @discardableResult
  package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let full = self(name)
    try Folder.create(Path.parent(full))
    try WholeFile.write(bytes, to: full)
    return full
  }

  /// The same with a text.
  @discardableResult
  package func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  /// Writes a valid safetensors file of the tensors in the order given.
  @discardableResult
  package func write(_ name: String, _ tensors: [SampleTensor]) throws -> String {
    try write(name, SampleFile.bytes(tensors))
  }

  /// The bytes of a file in the folder.
  package func read(_ name: String) throws -> [UInt8] { try WholeFile.read(self(name)) }

  /// Makes a symbolic link in the folder.
  package func link(_ name: String, to target: String) throws {
    let full = self(name)
    try Folder.create(Path.parent(full))
    guard unsafe symlink(target, full) == 0 else {
      throw StorageError.last(.link, full, errno: errno)
    }
  }
}
