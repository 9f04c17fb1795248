// Secrets in memory: gone once their owner is gone. Each in a process of its own, so that no other
// test's memory is in the way.
import Foundation
import Messaging
import Storage
import Testing

/// Does work on a thread whose memory nobody takes again afterwards: what it leaves there stays.
private func onThread(_ work: @escaping @Sendable () -> Void) {
  let end = DispatchSemaphore(value: 0)
  Thread.detachNewThread {
    work()
    end.signal()
  }
  end.wait()
}

@Test func `new keys leave none of their secrets in memory`() async {
  await #expect(processExitsWith: .success) {
    let scratch = try ScratchFolder()
    let path = scratch.file("keys")
    onThread {
      #expect(throws: Never.self) { try KeyFolder.create(path, workers: ["a", "b"]) }
    }
    for name in ["coordinator.secret", "workers/a/worker.secret", "workers/b/worker.secret"] {
      #expect(try MemoryScan(secretOf: Path.join(path, name)).count() == 0, "\(name)")
    }
  }
}

@Test func `a key that was read is in memory once, and nowhere once it is let go`() async {
  await #expect(processExitsWith: .success) {
    let scratch = try ScratchFolder()
    let path = scratch.file("keys")
    try KeyFolder.create(path, workers: ["a"])
    let coordinator = try MemoryScan(secretOf: Path.join(path, "coordinator.secret"))
    let worker = try MemoryScan(secretOf: Path.join(path, "worker.secret"))
    @Sendable func hold() throws {
      let (keys, _) = try KeyFolder.coordinator(path)
      let (pair, _) = try KeyFolder.worker(path)
      // That it is found at all shows that it would be found where it must not be.
      #expect(try coordinator.count() == 1)
      #expect(try worker.count() == 1)
      withExtendedLifetime((keys, pair)) {}
    }
    onThread { #expect(throws: Never.self) { try hold() } }
    #expect(try coordinator.count() == 0)
    #expect(try worker.count() == 0)
  }
}

@Test func `a secret that could not be used is wiped too`() async {
  await #expect(processExitsWith: .success) {
    let scratch = try ScratchFolder()
    let path = scratch.file("keys")
    try KeyFolder.create(path, workers: ["a"])
    let secret = Path.join(path, "worker.secret")
    let scan = try MemoryScan(secretOf: secret)
    // Read whole, and then no key.
    try ChildProcess.run(["sh", "-c", "printf %200s >> \(secret)"])
    onThread {
      #expect(throws: MessagingError.badKey(path: secret)) { try KeyFolder.worker(path) }
    }
    #expect(try scan.count() == 0)
  }
}

@Test func `a link's secret is not the text of its key`() async {
  await #expect(processExitsWith: .success) {
    let scratch = try ScratchFolder()
    let path = scratch.file("keys")
    try KeyFolder.create(path, workers: ["a"])
    let scan = try MemoryScan(secretOf: Path.join(path, "coordinator.secret"))
    func link() throws -> RouterLink {
      let (keys, list) = try KeyFolder.coordinator(path)
      return try RouterLink(
        endpoint: "ipc://" + scratch.file("s"), keys: keys, allowList: list)
    }
    let router = try link()
    try router.selfTest()
    // libzmq keeps 32 raw bytes for as long as the socket lives; those it does not wipe.
    #expect(try scan.count() == 0)
    withExtendedLifetime(router) {}
  }
}
