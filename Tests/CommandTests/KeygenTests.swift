import Messaging
import Storage
import TestSupport
import Testing

@testable import shardweld

struct KeygenTests {
  let scratch = Scratch()

  private func keygen(_ folder: String, workers: Int) throws -> String {
    var flags = KeygenFlags()
    flags.folder = folder
    flags.workers = workers
    return try KeygenCommand.text(flags)
  }

  @Test func `one worker's keys lie beside the coordinator's`() throws {
    let path = scratch("keys")
    #expect(
      try keygen(path, workers: 1) == """
        Keys for a coordinator and a worker are in \(path).
          coordinator  --keys \(path)
          worker       --keys \(path)
        Copy a worker's folder only over a connection that you trust. To shut a worker
        out, remove its line from \(path)/authorized_keys.

        """)
    #expect(try FileStatus.of(path)?.mode == 0o700)
    let (_, allowed) = try KeyFolder.coordinator(path)
    let (keys, _) = try KeyFolder.worker(path)
    #expect(allowed.name(of: keys.publicKey) == "worker")
  }

  @Test func `several workers have a folder each`() throws {
    let path = scratch("keys")
    #expect(
      try keygen(path, workers: 3).contains(
        "  worker       --keys \(path)/workers/NAME, NAME from worker-1 to worker-3\n"))
    let (_, allowed) = try KeyFolder.coordinator(path)
    for name in KeygenCommand.names(3) {
      let (keys, _) = try KeyFolder.worker("\(path)/workers/\(name)")
      #expect(allowed.name(of: keys.publicKey) == name)
    }
  }

  @Test func `a folder that holds something is refused`() throws {
    try scratch.write("keys/file", "x")
    let error = #expect(throws: CommandError.self) { try keygen(scratch("keys"), workers: 1) }
    #expect(error?.exitCode == .configuration)
  }
}
