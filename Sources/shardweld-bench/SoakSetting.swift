// What all runs of a soak share: the program, the model, places, and the merge that nothing hit.
import Glibc
import Planning
import Storage

/// Where and with what the runs go on.
struct SoakSetting {
  let program: String
  let base: String
  let adapter: String
  /// Everything lies in it.
  let folder: String
  /// So large that there are some two dozen jobs.
  let shardByteCount: Int64
  /// Of the undisturbed merge.
  private(set) var milliseconds: Int64 = 0
  private(set) var jobCount = 0

  var reference: String { Path.join(folder, "reference") }
  var output: String { Path.join(folder, "output") }
  var keys: String { Path.join(folder, "keys") }
  var job: JobFolder { JobFolder(output: output) }

  /// Merges undisturbed, and makes keys.
  init(model: String, program: String) throws {
    self.program = program
    let base = Path.join(model, "base")
    self.base = base
    adapter = Path.join(model, "adapter-r16")
    folder = Path.join(model, "soak")
    let names = try Folder.list(base).filter { $0.hasSuffix(".safetensors") }
    let byteCount = try names.reduce(Int64(0)) { sum, name in
      sum + (try FileStatus.of(Path.join(base, name))?.byteCount ?? 0)
    }
    shardByteCount = byteCount / 24
    try Folder.removeTree(folder)
    try Folder.create(folder, mode: 0o700)  // holds a socket
    let log = Path.join(folder, "log")
    _ = try ChildProcess.run([program, "keygen", keys], log: log)
    // The first run fills the page cache, the second is timed.
    for _ in 0..<2 {
      try Folder.removeTree(reference)
      let run = try ChildProcess.run(merge(to: reference) + ["--workers", "2"], log: log)
      milliseconds = Int64(run.milliseconds)
    }
    jobCount = try Folder.list(reference).filter { $0.hasSuffix(".safetensors") }.count
  }

  private func merge(to output: String) -> [String] { [program, "merge"] + inputs(output) }

  private func inputs(_ output: String) -> [String] {
    [
      "--base", base, "--adapter", adapter, "--output", output, "--max-shard-size",
      "\(shardByteCount)", "--progress", "none",
    ]
  }

  func localMerge(workers: Int) -> [String] {
    merge(to: output) + ["--workers", "\(workers)", "--keep-job"]
  }

  func coordinator(_ endpoint: String) -> [String] {
    [program, "coordinator"] + inputs(output)
      + ["--listen", endpoint, "--keys", keys, "--keep-job", "--log-level", "debug"]
  }

  func worker(_ endpoint: String) -> [String] {
    [program, "worker", "--connect", endpoint, "--keys", keys, "--threads", "1"]
  }

  /// Removes what a run left.
  func clear() throws {
    try Folder.removeTree(output)
    try Folder.removeTree(job.path)
    try Folder.removeTree(job.path + ".removed")
  }

  // MARK: The check

  /// Names of files that only one of the outputs has, or whose bytes differ.
  func differences() throws -> [String] {
    let expected = try Self.files(reference)
    let found = try Self.files(output)
    var names = expected.filter { !found.contains($0) } + found.filter { !expected.contains($0) }
    for name in expected where found.contains(name) {
      let isSame = try Self.isSame(Path.join(reference, name), Path.join(output, name))
      if !isSame { names.append(name) }
    }
    return names
  }

  private static func files(_ folder: String, _ below: String = "") throws -> [String] {
    try Folder.list(Path.join(folder, below)).flatMap { name in
      let relative = below.isEmpty ? name : below + "/" + name
      let isFolder = try FileStatus.of(Path.join(folder, relative))?.isFolder == true
      return isFolder ? try files(folder, relative) : [relative]
    }
  }

  private static func isSame(_ a: String, _ b: String) throws -> Bool {
    let one = try File.open(a)
    let other = try File.open(b)
    let size = try one.status().byteCount
    guard try other.status().byteCount == size else { return false }
    let block = 1 << 22
    let (left, right) = (Buffer(byteCount: block), Buffer(byteCount: block))
    for offset in stride(from: Int64(0), to: size, by: block) {
      let count = Int(min(size - offset, Int64(block)))
      try unsafe one.read(into: .init(rebasing: left.bytes[..<count]), at: offset)
      try unsafe other.read(into: .init(rebasing: right.bytes[..<count]), at: offset)
      guard unsafe memcmp(left.bytes.baseAddress!, right.bytes.baseAddress!, count) == 0 else {
        return false
      }
    }
    return true
  }
}
