// The real kernel, but for write-back, which is noted and answered as a test wants, and pauses,
// which are noted and not made.
package import Storage
import Synchronization

/// Linux, with a word of its own on write-back, and no time to rest.
package final class WriteBackKernel: Kernel {
  /// One call.
  package struct Call: Equatable, Sendable {
    package var range: Range<Int64>
    package var waits: Bool

    package init(range: Range<Int64>, waits: Bool) {
      self.range = range
      self.waits = waits
    }
  }

  private let linux = LinuxKernel()
  private let calls = Mutex<[Call]>([])
  private let rests = Mutex<[Int]>([])
  private let answer: @Sendable (Call) -> Int32
  private let resting: @Sendable () -> Void

  /// Without an answer of its own it is Linux's. `resting` is called in the place of each pause.
  package init(
    answer: (@Sendable (Call) -> Int32)? = nil, resting: @escaping @Sendable () -> Void = {}
  ) {
    self.answer = answer ?? { _ in 0 }
    self.resting = resting
    asksLinux = answer == nil
  }

  private let asksLinux: Bool

  /// All calls so far.
  package var writeBacks: [Call] { calls.withLock { $0 } }

  /// Milliseconds of all pauses so far.
  package var pauses: [Int] { rests.withLock { $0 } }

  package func pause(milliseconds: Int) {
    rests.withLock { $0.append(milliseconds) }
    resting()
  }

  package func writeBack(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64, waits: Bool
  ) -> Int32 {
    let call = Call(range: offset..<offset + byteCount, waits: waits)
    calls.withLock { $0.append(call) }
    return asksLinux
      ? linux.writeBack(descriptor, from: offset, byteCount: byteCount, waits: waits)
      : answer(call)
  }

  // MARK: As ever

  package func open(_ path: String, _ way: Opening) -> Int32 { linux.open(path, way) }
  package func close(_ descriptor: Int32) -> Int32 { linux.close(descriptor) }
  package func inspect(_ descriptor: Int32, _ status: inout FileStatus) -> Int32 {
    linux.inspect(descriptor, &status)
  }
  package func read(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) -> Int { unsafe linux.read(descriptor, buffer, at: offset) }
  package func write(
    _ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) -> Int { unsafe linux.write(descriptor, buffer, at: offset) }
  package func reserve(_ descriptor: Int32, byteCount: Int64) -> Int32 {
    linux.reserve(descriptor, byteCount: byteCount)
  }
  package func flush(_ descriptor: Int32) -> Int32 { linux.flush(descriptor) }
  /// Not had, so that all bytes go by the page cache.
  package func setDirect(_ descriptor: Int32, _ isDirect: Bool) -> Int32 { -1 }
  package func dropCache(_ descriptor: Int32, from offset: Int64, byteCount: Int64) {
    linux.dropCache(descriptor, from: offset, byteCount: byteCount)
  }
  package func lock(_ descriptor: Int32) -> Int32 { linux.lock(descriptor) }
  package func unlock(_ descriptor: Int32) { linux.unlock(descriptor) }
  package func inspect(_ path: String, _ status: inout FileStatus) -> Int32 {
    linux.inspect(path, &status)
  }
  package func createFolder(_ path: String, mode: UInt32) -> Int32 {
    linux.createFolder(path, mode: mode)
  }
  package func list(_ path: String, _ names: inout [String]) -> Int32 { linux.list(path, &names) }
  package func unlink(_ path: String) -> Int32 { linux.unlink(path) }
  package func removeFolder(_ path: String) -> Int32 { linux.removeFolder(path) }
  package func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32 {
    linux.rename(from, to, rule)
  }
  package func link(_ from: String, _ to: String) -> Int32 { linux.link(from, to) }
  package func freeByteCount(_ path: String) -> Int64 { linux.freeByteCount(path) }
  package func resolve(_ path: String) -> String? { linux.resolve(path) }
  package var hostName: String { linux.hostName }
  package var bootID: String { linux.bootID }
  package var processID: Int { linux.processID }
  package var milliseconds: Int64 { linux.milliseconds }
  package func nonce() -> UInt64 { linux.nonce() }
}
