import Simulation
import Storage
import Testing

struct SimulatedDiskMovingTests {
  @Test func `a file that is moved keeps a name at any power cut, with or without rename rules`()
    throws
  {
    for hasRules in [true, false] {
      for at in 1...12 {
        for seed in UInt64(0)..<12 {
          var model = DiskModel()
          model.hasRenameRules = hasRules
          let disk = SimulatedDisk(model, seed: seed)
          let process = disk.process(host: "n1", processID: 7)
          try process.run { () throws in
            try Folder.create("/a")
            try Folder.create("/b")
            try WholeFile.write([1], to: "/a/x")
            try Folder.flush("/")
          }
          disk.faults = [DiskFault(.cutsPower(.scattered, after: true), at: at)]
          process.run {
            do throws(StorageError) {
              try WholeFile.moveIfAbsent(from: "/a/x", to: "/b/x")
            } catch {}
          }
          let names = [disk.bytes("/a/x"), disk.bytes("/b/x")]
          #expect(names.contains([1]), "rules \(hasRules), call \(at), seed \(seed)")
          #expect(names.allSatisfy { $0 == nil || $0 == [1] })
        }
      }
    }
  }
}
