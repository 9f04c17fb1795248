import Glibc
import Simulation
import Storage
import Testing

struct SimulatedDiskNetworkTests {
  private let disk: SimulatedDisk
  private let here: SimulatedProcess
  private let there: SimulatedProcess

  init() {
    var model = DiskModel()
    model.isNetwork = true
    model.staleMilliseconds = 10_000
    disk = SimulatedDisk(model, seed: 3)
    here = disk.process(host: "n1", processID: 7)
    there = disk.process(host: "n2", processID: 7)
  }

  private func list(_ process: SimulatedProcess) throws -> [String] {
    try process.run { () throws in try Folder.list("/") }
  }

  @Test func `listings and stat of another host's changes are old, opening is not`() throws {
    #expect(try list(there) == [])
    try here.run { () throws in try WholeFile.write([1, 2], to: "/a") }
    #expect(try list(here) == ["a"])
    #expect(try list(there) == [])
    #expect(try there.run { () throws in try FileStatus.of("/a") } == nil)
    #expect(try there.run { () throws in try WholeFile.read("/a") } == [1, 2])
    #expect(try list(there) == ["a"])
  }

  @Test func `what is old becomes new by itself`() throws {
    #expect(try list(there) == [])
    try here.run { () throws in try WholeFile.write([1], to: "/a") }
    disk.milliseconds += 10_001
    #expect(try list(there) == ["a"])
  }

  @Test func `bytes are seen by other hosts once their writer has closed`() throws {
    try here.run { () throws in
      let file = try File.create("/a")
      try file.write([1, 2, 3], at: 0)
      #expect(try there.run { () throws in try WholeFile.read("/a") } == [])
      try file.close()
    }
    #expect(try there.run { () throws in try WholeFile.read("/a") } == [1, 2, 3])
  }

  @Test func `a host's power cut takes its own unflushed bytes and no names`() throws {
    try here.run { () throws in
      let file = try File.create("/a")
      try file.write([1, 2, 3], at: 0)
      try WholeFile.write([4], to: "/b")
      disk.cutPower(host: "n1", .everything)
      _ = consume file
    }
    #expect(disk.bytes("/a") == [] && disk.bytes("/b") == [4])
    #expect(here.isDead && !there.isDead)
  }

  @Test func `a poor network has no locks, no rename rules and cannot reserve`() throws {
    let disk = SimulatedDisk(.poorNetwork, seed: 1)
    let kernel = disk.process(host: "n1", processID: 7)
    try kernel.run { () throws in
      var file = try File.create("/a")
      #expect(throws: StorageError.refused(.lock, path: "/a", errno: ENOLCK)) {
        _ = try file.lock()
      }
      try file.reserve(byteCount: 100)
      #expect(disk.bytes("/a") == [])
      #expect(kernel.rename("/a", "/b", .keeping) == -EINVAL)
      #expect(try !Folder.exchange("/", "/"))
      try WholeFile.moveIfAbsent(from: "/a", to: "/b")
      try file.close()
    }
    #expect(disk.names("/") == ["b"])
  }

  @Test func `a disk without links moves what should have a second name`() throws {
    var model = DiskModel()
    model.hasLinks = false
    let disk = SimulatedDisk(model, seed: 1)
    let kernel = disk.process(host: "n1", processID: 7)
    try kernel.run { () throws in
      #expect(try WholeFile.createIfAbsent([1], at: "/a"))
      #expect(try !WholeFile.createIfAbsent([2], at: "/a"))
    }
    #expect(kernel.link("/a", "/b") == -EPERM)
    #expect(disk.names("/") == ["a"] && disk.bytes("/a") == [1])
  }
}
