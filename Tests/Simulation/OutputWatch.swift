// What must be true of a merge's folders after every single operation and every power cut.
import Planning
import Storage

/// Looks at a disk from outside and notes what may not be.
package final class OutputWatch {
  private let merge: SmallMerge
  /// Of the whole output: names from its folder, and their bytes. Nil until it is known.
  private let expected: [(name: String, bytes: [UInt8])]
  /// What an output may hold that the merge shall replace; nil where none was.
  package var replaced: [(name: String, bytes: [UInt8])]?
  /// What was seen that may not be, each once.
  package private(set) var breaches: [String] = []

  /// `expected`: every file of a right output, as `files(of:on:)` gives them.
  package init(_ merge: SmallMerge, expected: [(name: String, bytes: [UInt8])]) {
    self.merge = merge
    self.expected = expected
  }

  /// All files below a folder with their bytes, sorted; nil where there is no such folder.
  package static func files(
    of path: String, on disk: SimulatedDisk
  ) -> [(name: String, bytes: [UInt8])]? {
    guard let names = disk.names(path) else { return nil }
    var files: [(name: String, bytes: [UInt8])] = []
    for name in names {
      let full = Path.join(path, name)
      if let bytes = disk.bytes(full) {
        files.append((name, bytes))
      } else {
        for file in Self.files(of: full, on: disk) ?? [] {
          files.append((name + "/" + file.name, file.bytes))
        }
      }
    }
    return files
  }

  /// True where the output is whole and right.
  package func isComplete(on disk: SimulatedDisk) -> Bool {
    Self.files(of: merge.output, on: disk).map { Self.areSame($0, expected) } ?? false
  }

  /// Notes what may not be.
  package func look(at disk: SimulatedDisk, after what: @autoclosure () -> String) {
    if let files = Self.files(of: merge.output, on: disk), !files.isEmpty,
      !Self.areSame(files, expected), !(replaced.map { Self.areSame(files, $0) } ?? false)
    {
      note("the output shows \(files.map(\.name)) after \(what())")
    }
    for job in merge.plan.jobs {
      let path = merge.folder.published(job.shardName)
      if let bytes = disk.bytes(path), bytes != merge.shard(job.id),
        replaced.map({ old in !old.contains { $0.name == job.shardName && $0.bytes == bytes } })
          ?? true
      {
        note("\(path) has other bytes after \(what())")
      }
    }
  }

  private func note(_ breach: String) {
    if breaches.count < 10 { breaches.append(breach) }
  }

  private static func areSame(
    _ a: [(name: String, bytes: [UInt8])], _ b: [(name: String, bytes: [UInt8])]
  ) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.name == $1.name && $0.bytes == $1.bytes }
  }
}
