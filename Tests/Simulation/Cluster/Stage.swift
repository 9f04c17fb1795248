// Disks with a merge's inputs on them, made once and copied for every run.
import Planning
import Storage

/// What all runs of one size begin with.
package final class Stage {
  private struct Scene {
    var merge: SmallMerge
    var expected: [(name: String, bytes: [UInt8])]
  }

  private var scenes: [Int: Scene] = [:]

  package init() {}

  func merge(_ jobCount: Int) -> SmallMerge { scene(jobCount).merge }

  func expected(_ jobCount: Int) -> [(name: String, bytes: [UInt8])] { scene(jobCount).expected }

  /// A disk of the weather's kind with the inputs on it.
  func disk(_ weather: Weather, seed: UInt64) -> SimulatedDisk {
    let disk = SimulatedDisk(weather.disk, seed: seed)
    Self.write(merge(weather.jobs), on: disk)
    return disk
  }

  private func scene(_ jobCount: Int) -> Scene {
    if let scene = scenes[jobCount] { return scene }
    let merge = SmallMerge(jobCount: jobCount)
    let disk = SimulatedDisk(seed: 0)
    Self.write(merge, on: disk)
    do {
      let life = MergeLife(merge)
      let process = disk.process(host: "n1", processID: 2)
      let end = try process.run { () throws in try life.run() }
      invariant(end == .finished && life.breaches.isEmpty, "a calm life ends with \(end)")
    } catch { unreachable("a calm life fails: \(error)") }
    let scene = Scene(merge: merge, expected: OutputWatch.files(of: merge.output, on: disk) ?? [])
    scenes[jobCount] = scene
    return scene
  }

  private static func write(_ merge: SmallMerge, on disk: SimulatedDisk) {
    let process = disk.process(host: "h0", processID: 1)
    do {
      try process.run { () throws(StorageError) in
        try Folder.create(Path.parent(merge.output))
        try merge.writeInputs()
      }
    } catch { unreachable("no inputs on a calm disk: \(error.sentence)") }
    disk.kill(process)
  }
}
