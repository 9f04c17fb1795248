import Glibc
import Storage
import TestSupport
import Testing

struct WriteBackTests {
  let scratch = Scratch()

  @Test func `a write-back changes no byte, whether it waits or not`() throws {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let file = try File.create(scratch("a"))
    try file.reserve(byteCount: 200_000)
    try file.write(bytes, at: 0)
    try file.writeBack(from: 0, count: 50_000)
    try file.awaitWriteBack(from: 0, count: 50_000)
    try file.writeBack(from: 50_000, count: 1 << 40)
    try file.flush()
    try file.close()
    #expect(try scratch.read("a") == bytes + [UInt8](repeating: 0, count: 100_000))
  }

  @Test func `nothing is asked for no bytes, as zero is the whole rest to the kernel`() throws {
    let kernel = WriteBackKernel()
    try Host.$kernel.withValue(kernel) {
      let file = try File.create(scratch("a"))
      try file.writeBack(from: 5, count: 0)
      try file.awaitWriteBack(from: 5, count: 0)
      #expect(kernel.writeBacks == [])
      try file.awaitWriteBack(from: 5, count: 2)
      #expect(kernel.writeBacks == [.init(range: 5..<7, waits: true)])
    }
  }

  @Test(arguments: [EOPNOTSUPP, ENOSYS, ESPIPE, EINVAL])
  func `a file system that cannot leaves it to the flush`(code: Int32) throws {
    try Host.$kernel.withValue(WriteBackKernel { _ in -code }) {
      let file = try File.create(scratch("a"))
      try file.write([1], at: 0)
      try file.writeBack(from: 0, count: 1)
      try file.awaitWriteBack(from: 0, count: 1)
      try file.flush()
      try file.close()
    }
  }

  @Test func `a device or a disk that fails is told`() throws {
    for (code, sentence) in [
      (EIO, "cannot write back \(scratch("EIO")): Input/output error"),
      (
        ENOSPC,
        "no space left for \(scratch("ENOSPC")): 9 bytes are needed; free some and run the command "
          + "again"
      ),
    ] {
      try Host.$kernel.withValue(WriteBackKernel { _ in -code }) {
        let file = try File.create(scratch(code == EIO ? "EIO" : "ENOSPC"))
        let started = #expect(throws: StorageError.self) { try file.writeBack(from: 0, count: 9) }
        let awaited = #expect(throws: StorageError.self) {
          try file.awaitWriteBack(from: 0, count: 9)
        }
        #expect(started?.sentence == sentence && awaited == started)
      }
    }
  }
}
