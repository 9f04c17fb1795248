// What of a machine a reader of its times must know; not whose it is.
import Glibc
import OrderedJSON
import Storage

struct HostFacts: Equatable {
  var cores: Int
  var memoryByteCount: Int64
  var processor: String
  var kernel: String
  var fileSystem: String
  /// Average over the last minute, before the race: with others at work, ratios say little.
  var load: Double

  /// Of this machine, and of the file system that a path lies on.
  static func of(_ path: String) -> HostFacts {
    var load = 0.0
    _ = unsafe getloadavg(&load, 1)
    let model = ProcFile.value(of: "model name", in: ProcFile.text(of: "/proc/cpuinfo"))
    let release = ProcFile.text(of: "/proc/sys/kernel/osrelease").split(separator: "\n").first
    return HostFacts(
      cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
      memoryByteCount: ProcFile.byteCount(
        of: "MemTotal", in: ProcFile.text(of: "/proc/meminfo")),
      processor: String(model ?? "a kind without name"), kernel: String(release ?? "unknown"),
      fileSystem: fileSystem(
        of: Path.resolved(path) ?? path, in: ProcFile.text(of: "/proc/self/mountinfo")),
      load: load)
  }

  /// The kind of the mount that holds a path: of the mount points above it the deepest, of several
  /// there the last.
  ///
  ///     36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/vda rw       (proc(5))
  static func fileSystem(of path: String, in mounts: String) -> String {
    var found = (depth: -1, kind: "unknown")
    for line in mounts.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 4, let dash = words.firstIndex(of: "-"), dash + 1 < words.count
      else { continue }
      let point = words[4] == "/" ? "" : words[4]
      guard path == point || path.hasPrefix(point + "/"), point.count >= found.depth
      else { continue }
      found = (point.count, String(words[dash + 1]))
    }
    return found.kind
  }

  var line: String {
    "\(cores) cores of \(processor), \(RaceTable.megabytes(memoryByteCount)) of memory, "
      + "Linux \(kernel), \(fileSystem), load \(RaceTable.decimal(load, 1))"
  }

  var json: JSON {
    .object([
      JSON.Member(key: "cores", value: .integer(cores)),
      JSON.Member(key: "memory_bytes", value: .integer(memoryByteCount)),
      JSON.Member(key: "processor", value: .string(processor)),
      JSON.Member(key: "kernel", value: .string(kernel)),
      JSON.Member(key: "file_system", value: .string(fileSystem)),
      JSON.Member(key: "load", value: .number(RaceTable.decimal(load, 2))),
    ])
  }
}
