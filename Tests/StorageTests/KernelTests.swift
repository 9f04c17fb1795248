import Glibc
import TestSupport
import Testing

@testable import Storage

struct KernelTests {
  let scratch = Scratch()
  let linux = LinuxKernel()

  @Test func `Linux answers with the error's number, negated`() {
    var status = FileStatus()
    var names: [String] = []
    #expect(linux.open(scratch("none"), .reading) == -ENOENT)
    #expect(linux.open(scratch.path, .updating) == -EISDIR)
    #expect(linux.inspect(scratch("none"), &status) == -ENOENT)
    #expect(status == FileStatus())
    #expect(linux.list(scratch("none"), &names) == -ENOENT)
    #expect(linux.unlink(scratch("none")) == -ENOENT)
    #expect(linux.createFolder(scratch.path, mode: 0o755) == -EEXIST)
    #expect(linux.rename(scratch("none"), scratch("other"), .keeping) == -ENOENT)
    #expect(linux.flush(-1) == -EBADF)
    #expect(linux.writeBack(-1, from: 0, byteCount: 1, waits: true) == -EBADF)
    #expect(linux.freeByteCount(scratch("none")) == -Int64(ENOENT))
    #expect(linux.resolve(scratch("none")) == nil)
  }

  @Test func `the verbs ask the kernel bound to the thread, an open file the one it came from`()
    throws
  {
    let kernel = Deaf()
    let file = try File.create(scratch("a"))
    try Host.$kernel.withValue(kernel) {
      try file.write([1, 2, 3], at: 0)
      #expect(throws: StorageError.refused(.open, path: scratch("a"), errno: EIO)) {
        _ = try File.open(scratch("a"))
      }
      #expect(throws: StorageError.refused(.remove, path: scratch("a"), errno: EIO)) {
        try Folder.removeTree(scratch("a"))
      }
      #expect(Host.name == "deaf" && Host.processID == 7)
    }
    try file.close()
    #expect(try scratch.read("a") == [1, 2, 3])
    #expect(Host.processID == Int(getpid()))
  }

  @Test func `the boot's name is one of 36 characters`() {
    #expect(linux.bootID.utf8.count == 36)
  }
}

/// A kernel that can do nothing.
private final class Deaf: Kernel {
  let hostName = "deaf"
  let bootID = ""
  let processID = 7
  let milliseconds: Int64 = 0

  func open(_ path: String, _ way: Opening) -> Int32 { -EIO }
  func close(_ descriptor: Int32) -> Int32 { -EIO }
  func inspect(_ descriptor: Int32, _ status: inout FileStatus) -> Int32 { -EIO }
  func read(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) -> Int { -Int(EIO) }
  func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64) -> Int {
    -Int(EIO)
  }
  func reserve(_ descriptor: Int32, byteCount: Int64) -> Int32 { -EIO }
  func flush(_ descriptor: Int32) -> Int32 { -EIO }
  func writeBack(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64, waits: Bool
  ) -> Int32 { -EIO }
  func setDirect(_ descriptor: Int32, _ isDirect: Bool) -> Int32 { -EIO }
  func dropCache(_ descriptor: Int32, from offset: Int64, byteCount: Int64) {}
  func lock(_ descriptor: Int32) -> Int32 { -EIO }
  func unlock(_ descriptor: Int32) {}
  func inspect(_ path: String, _ status: inout FileStatus) -> Int32 { -EIO }
  func createFolder(_ path: String, mode: UInt32) -> Int32 { -EIO }
  func list(_ path: String, _ names: inout [String]) -> Int32 { -EIO }
  func unlink(_ path: String) -> Int32 { -EIO }
  func removeFolder(_ path: String) -> Int32 { -EIO }
  func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32 { -EIO }
  func link(_ from: String, _ to: String) -> Int32 { -EIO }
  func freeByteCount(_ path: String) -> Int64 { -Int64(EIO) }
  func resolve(_ path: String) -> String? { nil }
  func pause(milliseconds: Int) {}
  func nonce() -> UInt64 { 0 }
}
