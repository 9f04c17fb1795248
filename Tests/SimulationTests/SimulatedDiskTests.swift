import Glibc
import Simulation
import Storage
import TestSupport
import Testing

struct SimulatedDiskTests {
  private func disk(_ change: (inout DiskModel) -> Void = { _ in }) -> SimulatedDisk {
    var model = DiskModel()
    change(&model)
    return SimulatedDisk(model, seed: 7)
  }

  /// Two sectors and a bit of one value.
  private func bytes(_ value: UInt8) -> [UInt8] { [UInt8](repeating: value, count: 1100) }

  private func write(_ bytes: [UInt8], to path: String, flush: Bool) throws(StorageError) {
    let file = try File.openForUpdate(path)
    try file.write(bytes, at: 0)
    if flush { try file.flush() }
    try file.close()
  }

  @Test func `verbs meet the answers of a real disk`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      try Folder.create("/a/b/c")
      try WholeFile.write([1, 2, 3], to: "/a/b/x")
      #expect(try WholeFile.read("/a/b/x") == [1, 2, 3])
      #expect(try Folder.list("/a/b") == ["c", "x"])
      #expect(try FileStatus.of("/a/b/none") == nil)
      #expect(try FileStatus.of("/a/b/x")?.byteCount == 3)
      #expect(throws: StorageError.exists(path: "/a/b/x")) { _ = try File.create("/a/b/x") }
      #expect(throws: StorageError.notAFile(path: "/a/b/c")) { _ = try File.open("/a/b/c") }
      #expect(throws: StorageError.refused(.list, path: "/a/b/x", errno: ENOTDIR)) {
        _ = try Folder.list("/a/b/x")
      }
      #expect(throws: StorageError.refused(.create, path: "/a/b/x/y", errno: ENOTDIR)) {
        _ = try File.create("/a/b/x/y")
      }
      #expect(try !WholeFile.createIfAbsent([4], at: "/a/b/x"))
      try WholeFile.moveIfAbsent(from: "/a/b/x", to: "/a/y")
      #expect(disk.bytes("/a/y") == [1, 2, 3] && !disk.exists("/a/b/x"))
      #expect(throws: StorageError.exists(path: "/a/b")) {
        try WholeFile.write([1], to: "/a/b/c/full")
        try Folder.move(from: "/a/b/c", to: "/a/b")
      }
      try Folder.removeTree("/a/b")
      #expect(disk.names("/a") == ["y"])
      #expect(Host.name == "n1" && Host.processID == 7)
    }
  }

  @Test func `a write-back that fails is told once, and no later flush tells or mends it`() throws {
    let disk = disk()
    disk.faults = [DiskFault(.losesPages(errno: EIO), at: 2, kind: .writeBack)]
    try disk.process(host: "n1", processID: 7).run { () throws in
      let file = try File.create("/a")
      try file.write(bytes(1), at: 0)
      try file.writeBack(from: 0, count: 1100)
      #expect(throws: StorageError.refused(.writeBack, path: "/a", errno: EIO)) {
        try file.awaitWriteBack(from: 0, count: 1100)
      }
      try file.flush()
      try Folder.flush("/")
      #expect(try WholeFile.read("/a") == bytes(1))
    }
    disk.cutPower(.everything)
    #expect(disk.bytes("/a") == [UInt8](repeating: 0, count: 1100))
  }

  @Test func `a write-back makes nothing durable`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      let file = try File.create("/a")
      try Folder.flush("/")
      try file.write(bytes(1), at: 0)
      try file.awaitWriteBack(from: 0, count: 1100)
    }
    disk.cutPower(.everything)
    #expect(disk.bytes("/a") == [])
  }

  @Test func `folders swap their names in one step`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      try Folder.create("/a")
      try Folder.create("/b")
      try WholeFile.write([1], to: "/a/one")
      #expect(try Folder.exchange("/a", "/b"))
      #expect(disk.names("/a") == [] && disk.names("/b") == ["one"])
    }
    disk.cutPower(.everything)
    #expect(disk.names("/b") == ["one"])
  }

  @Test func `a power cut takes what was not flushed, a kill does not`() throws {
    for (loss, expected) in [(Loss.everything, 1), (.nothing, 2), (.names, 2)] {
      let disk = disk()
      let process = disk.process(host: "n1", processID: 7)
      try process.run { () throws in
        try write(bytes(1), to: "/a", flush: true)
        try Folder.flush("/")
        try write(bytes(2), to: "/a", flush: false)
      }
      disk.kill(process)
      #expect(disk.bytes("/a") == bytes(2))
      disk.cutPower(loss)
      #expect(disk.bytes("/a") == bytes(UInt8(expected)), "\(loss)")
    }
  }

  @Test func `a name is lost without its folder's flush, whatever became of the bytes`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      try write([1], to: "/a", flush: true)
    }
    disk.cutPower(.everything)
    #expect(!disk.exists("/a"))
  }

  @Test func `a rename survives without the bytes of a file that was not flushed`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      try write(bytes(1), to: "/a.part", flush: false)
      #expect(Host.kernel.rename("/a.part", "/a", .replacing) == 0)
      try Folder.flush("/")
    }
    disk.cutPower(.contents)
    #expect(disk.bytes("/a") == bytes(0))
  }

  @Test func `sectors are torn`() throws {
    var seen: Set<[UInt8]> = []
    for seed in 0..<60 {
      let disk = SimulatedDisk(seed: UInt64(seed))
      try disk.process(host: "n1", processID: 7).run { () throws in
        try write(bytes(1), to: "/a", flush: true)
        try Folder.flush("/")
        try write(bytes(2), to: "/a", flush: false)
      }
      disk.cutPower(.scattered)
      let found = try #require(disk.bytes("/a"))
      #expect(found.count == 1100)
      seen.insert([found[0], found[512], found[1024]])
      for sector in [0..<512, 512..<1024, 1024..<1100] { #expect(Set(found[sector]).count == 1) }
    }
    #expect(seen.contains([1, 1, 1]) && seen.contains([2, 2, 2]) && seen.count > 4)
  }

  @Test func `names are scattered one by one, or lost from the end where there is a journal`()
    throws
  {
    for loss in [Loss.scattered, .journalled] {
      var seen: Set<[String]> = []
      for seed in 0..<80 {
        let disk = SimulatedDisk(seed: UInt64(seed))
        try disk.process(host: "n1", processID: 7).run { () throws in
          for name in ["/a", "/b", "/c"] { try write([1], to: name, flush: true) }
        }
        disk.cutPower(loss)
        seen.insert(try #require(disk.names("/")))
      }
      let prefixes: Set<[String]> = [[], ["a"], ["a", "b"], ["a", "b", "c"]]
      #expect(loss == .journalled ? seen == prefixes : seen.count == 8, "\(loss): \(seen)")
    }
  }

  @Test func `a rename is undone as a whole, or may leave both names where it is split`() throws {
    for splits in [false, true] {
      var seen: Set<[String]> = []
      for seed in 0..<60 {
        var model = DiskModel()
        model.splitsRenames = splits
        let disk = SimulatedDisk(model, seed: UInt64(seed))
        try disk.process(host: "n1", processID: 7).run { () throws in
          try write([1], to: "/a", flush: true)
          try Folder.flush("/")
        }
        let kernel = disk.process(host: "n1", processID: 8)
        #expect(kernel.rename("/a", "/b", .keeping) == 0)
        disk.cutPower(.scattered)
        seen.insert(try #require(disk.names("/")))
      }
      #expect(seen == (splits ? [["a"], ["b"], ["a", "b"]] : [["a"], ["b"]]))
    }
  }

  @Test func `after a failed flush the pages are lost and the next flush says nothing`() throws {
    let disk = disk()
    disk.faults = [DiskFault(.losesPages(errno: EIO), kind: .flush)]
    try disk.process(host: "n1", processID: 7).run { () throws in
      let file = try File.create("/a")
      try file.write(bytes(1), at: 0)
      #expect(throws: StorageError.refused(.flush, path: "/a", errno: EIO)) { try file.flush() }
      try file.flush()
      try Folder.flush("/")
      #expect(try WholeFile.read("/a") == bytes(1))
      file.dropCache()
      #expect(disk.bytes("/a") == bytes(0))
    }
  }

  @Test func `the k-th call fails, writes half, or does its work and says otherwise`() throws {
    let disk = disk()
    let process = disk.process(host: "n1", processID: 7)
    disk.faults = [
      DiskFault(.fails(errno: EIO), at: 2, kind: .create),
      DiskFault(.writesShort, kind: .write, pathPart: "short"),
      DiskFault(.succeedsThenFails(errno: EEXIST), kind: .link),
    ]
    try process.run { () throws in
      try WholeFile.write([1], to: "/a")
      #expect(throws: StorageError.refused(.create, path: "/b", errno: EIO)) {
        _ = try File.create("/b")
      }
      try WholeFile.write(bytes(3), to: "/short")
      #expect(disk.bytes("/short") == bytes(3))
      #expect(Host.kernel.link("/a", "/c") == -EEXIST)
      #expect(disk.bytes("/c") == [1])
    }
    #expect(disk.count(.write, of: process) == 3)
  }

  @Test func `a full disk refuses, and has room again after a removal`() throws {
    let disk = disk { $0.byteCountMax = 1000 }
    try disk.process(host: "n1", processID: 7).run { () throws in
      let file = try File.create("/a")
      #expect(throws: StorageError.noSpace(path: "/a", neededByteCount: 1100)) {
        try file.reserve(byteCount: 1100)
      }
      #expect(throws: StorageError.noSpace(path: "/a", neededByteCount: 100)) {
        try file.write(bytes(1), at: 0)
      }
      #expect(try Folder.freeByteCount("/") == 0)
      try Folder.removeTree("/a")
      #expect(disk.byteCount == 1000)
      try file.close()
      #expect(try Folder.freeByteCount("/") == 1000)
    }
  }

  @Test func `a lock is held by one, until its holder closes or dies`() {
    let disk = disk()
    let one = disk.process(host: "n1", processID: 7)
    let other = disk.process(host: "n1", processID: 8)
    let held = one.open("/lock", .creating(mode: 0o644))
    let wanted = other.open("/lock", .updating)
    #expect(one.lock(held) == 0 && one.lock(held) == 0)
    #expect(other.lock(wanted) == -EWOULDBLOCK)
    #expect(one.close(held) == 0)
    #expect(other.lock(wanted) == 0)
    disk.kill(other)
    let again = one.open("/lock", .updating)
    #expect(one.lock(again) == 0)
    #expect(other.lock(wanted) < 0 && one.lock(held + 9) == -EBADF)
  }

  @Test func `a process that dies at a call does no more, before or after its effect`() throws {
    for after in [false, true] {
      let disk = disk()
      let process = disk.process(host: "n1", processID: 7)
      disk.faults = [DiskFault(.dies(after: after), kind: .createFolder)]
      process.run {
        #expect(throws: StorageError.refused(.create, path: "/a", errno: EIO)) {
          try Folder.create("/a")
        }
        #expect(throws: StorageError.refused(.remove, path: "/a", errno: EIO)) {
          try Folder.removeTree("/a")
        }
      }
      #expect(process.isDead && disk.exists("/a") == after)
    }
  }

  @Test func `a boot has a new name after a power cut`() {
    let disk = disk()
    let before = disk.process(host: "n1", processID: 7)
    disk.cutPower(host: "n1", .nothing)
    #expect(before.isDead)
    #expect(disk.process(host: "n1", processID: 7).bootID != before.bootID)
  }

  @Test func `a bit is flipped on the platter`() throws {
    let disk = disk()
    try disk.process(host: "n1", processID: 7).run { () throws in
      try WholeFile.write([0, 0, 0], to: "/a")
    }
    disk.flip("/a", bit: 9)
    disk.cutPower(.everything)
    #expect(disk.bytes("/a") == [0, 2, 0])
  }

  @Test func `a pause gives its time to the caller, or to the clock`() {
    let disk = disk()
    let process = disk.process(host: "n1", processID: 7)
    let start = process.milliseconds
    process.run { Host.pause(milliseconds: 250) }
    #expect(disk.milliseconds == start + 250)
    var rested: [Int] = []
    disk.onPause = { rested.append($1) }
    process.run { Host.pause(milliseconds: 40) }
    #expect(rested == [40] && disk.milliseconds == start + 250)
  }

  @Test func `a copy goes its own way`() throws {
    let disk = disk()
    let process = disk.process(host: "n1", processID: 7)
    try process.run { () throws in try WholeFile.write([1], to: "/a") }
    let copy = disk.copy(seed: 1)
    try process.run { () throws in try WholeFile.write([2], to: "/a") }
    #expect(copy.bytes("/a") == [1] && disk.bytes("/a") == [2])
  }

  @Test func `the same seed makes the same trace`() throws {
    func trace(_ seed: UInt64) throws -> UInt64 {
      let disk = SimulatedDisk(seed: seed)
      try disk.process(host: "n1", processID: 7).run { () throws in
        try WholeFile.write([1], to: "/a")
      }
      return disk.traceDigest
    }
    #expect(try trace(3) == trace(3))
    #expect(try trace(3) != trace(4))
  }
}
