// Everything that happens before the first weight is read: inputs opened, the plan made, the
// output's place and the free space checked. Whatever is wrong is said here, with nothing written.
import Adapters
import Checkpoints
import Dispatch
import GGUF
import Kernels
import Planning
import Publishing
import Safetensors
import Storage
import Synchronization

/// A merge that may begin.
struct Preparation {
  let checkpoint: Checkpoint
  let adapters: [Adapter]
  let plan: MergePlan

  /// Opens the inputs and plans, with the flags' options or other ones; refuses a base that carries
  /// one of the adapters already.
  init(_ flags: MergeFlags, options: MergeOptions? = nil) throws(CommandError) {
    if case .failure(let error) = InstructionSet.selection { throw .refused(error.sentence) }
    (checkpoint, adapters) = try Self.open(flags)
    plan = try wrap(CommandError.planning) { [checkpoint, adapters] () throws(PlanningError) in
      try Planner.plan(
        checkpoint,
        adapters: zip(adapters, flags.adapters).map { (adapter: $0, strength: $1.strength) },
        options: options ?? flags.options)
    }
    if !flags.again { try refuseCarried() }
  }

  /// The base and the adapters, at once: at a trillion parameters either takes a second. Where both
  /// are wrong the base is told.
  private static func open(
    _ flags: MergeFlags
  ) throws(CommandError) -> (Checkpoint, [Adapter]) {
    let opened = Mutex<Result<[Adapter], AdapterError>?>(nil)
    let group = DispatchGroup()
    let choices = flags.adapters
    DispatchQueue.global().async(group: group) {
      let result = Result { () throws(AdapterError) in
        try choices.map { choice throws(AdapterError) in try Adapter.open(choice.path) }
      }
      opened.withLock { $0 = result }
    }
    let checkpoint = Result { () throws(CheckpointError) in try Checkpoint.open(flags.base) }
    group.wait()
    guard let adapters = opened.withLock({ $0 }) else { unreachable("the group is waited for") }
    return (
      try wrap(CommandError.checkpoint) { () throws(CheckpointError) in try checkpoint.get() },
      try wrap(CommandError.adapter) { () throws(AdapterError) in try adapters.get() }
    )
  }

  /// Whole-file digests of the adapters' weights, one list per adapter.
  func adapterFiles() throws(CommandError) -> [[FileDigest]] {
    try wrap(CommandError.storage) { () throws(StorageError) in
      try adapters.map { adapter throws(StorageError) in
        try zip(adapter.folder.fileNames, adapter.files).map { name, file throws(StorageError) in
          try FileDigest.of(file.path, name: name)
        }
      }
    }
  }

  /// The base's own manifest, where it was itself merged by this tool. Beside a lone file may lie
  /// that of others: it must name the file, with its size.
  func baseManifest() throws(CommandError) -> Manifest? {
    guard checkpoint.manifest != nil else { return nil }
    let path = Path.join(checkpoint.path, "shardweld.json")
    let bytes = try wrap(CommandError.storage) { () throws(StorageError) in
      try WholeFile.read(path)
    }
    let kind = { (error: PlanError) in
      CommandError.refused(
        "\(path) is not a manifest that can be read: \(error.sentence); "
          + "fetch the base again, or remove the file")
    }
    let manifest = try wrap(kind) { () throws(PlanError) in try Manifest.decode(bytes) }
    return !checkpoint.isLone || names(manifest) ? manifest : nil
  }

  /// True where the base's files are shards of a manifest.
  private func names(_ manifest: Manifest) -> Bool {
    zip(checkpoint.shardNames, checkpoint.shards).allSatisfy { name, shard in
      manifest.shards.contains { $0.name == name && $0.byteCount == shard.fileByteCount }
    }
  }

  /// An adapter given twice, or one that the base's own manifest names, would be doubled. Weights
  /// are read for it only where headers and configs leave it open.
  private func refuseCarried() throws(CommandError) {
    let manifest = try baseManifest()
    let looks = zip(adapters, plan.adapters).map { adapter, planned in
      [planned.configDigest] + adapter.files.map { "\($0.fileByteCount) \($0.digest)" }
    }
    guard manifest != nil || Set(looks).count < looks.count else { return }
    let digests = try adapterFiles().map { $0.map(\.digest) }
    var paths: [[String]: String] = [:]
    for (adapter, files) in zip(adapters, digests) {
      if let other = paths.updateValue(adapter.path, forKey: files) {
        throw .refused(
          "\(adapter.path) is given twice"
            + (other == adapter.path ? "" : ", the first time as \(other)")
            + "; name it once, with the strength it shall have, or add --again to merge it again"
        )
      }
    }
    guard let manifest else { return }
    for (adapter, files) in zip(adapters, digests) where manifest.carries(adapterDigests: files) {
      throw .refused(
        "\(checkpoint.path) is itself a merge that holds the adapter \(adapter.path); "
          + "name the base it was merged from, or add --again to merge it once more")
    }
  }

  /// Files that are copied, relative to the base: what describes a quantisation only where the
  /// weights stay quantised.
  var sideFiles: [String] {
    guard plan.options.dequantize == .all else {
      let all = checkpoint.sideFiles + checkpoint.quantizationFiles
      return all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    return checkpoint.sideFiles.filter { $0 != Quantization.recipe }
  }

  // MARK: The output's place

  /// Refuses an output that exists, or lies where it would harm an input.
  func checkPlace(of output: String, overwrite: Bool) throws(CommandError) {
    let place = try OutputPlace(output)
    try place.check(
      base: checkpoint.places.map { Path.resolved($0) ?? $0 },
      adapters: adapters.map { Path.resolved($0.path) ?? $0.path })
    try place.checkJobFolder()
    let status = try wrap(CommandError.storage) { () throws(StorageError) in
      try FileStatus.of(output)
    }
    guard let status else { return }
    guard status.isFolder else {
      throw .refused("\(output) exists and is not a folder; choose another output")
    }
    let names = try wrap(CommandError.storage) { () throws(StorageError) in
      try Folder.list(output)
    }
    if names.isEmpty { return }
    let isFinished = names.contains("shardweld.json")
    guard overwrite else {
      throw .refused(
        isFinished
          ? "\(output) is a finished merge already; choose another output, or add --overwrite"
          : "\(output) exists and is not empty; choose another output, or add --overwrite")
    }
    if isFinished || names.contains(where: Self.isOfCheckpoint) { return }
    // A folder of .gguf files is mostly one of several models.
    let models = Set(
      names.filter { $0.hasSuffix(GGUFFile.ending) }.map { SplitName($0)?.stem ?? $0 })
    guard models.count == 1 else {
      throw .refused(
        "\(output) holds \(models.isEmpty ? "no checkpoint" : "\(models.count) models"), so it is "
          + "not overwritten; remove it yourself")
    }
  }

  private static func isOfCheckpoint(_ name: String) -> Bool {
    name == "config.json" || name.hasSuffix(".safetensors")
  }

  /// Refuses to start where the file system cannot hold what is still to be written.
  func checkSpace(for output: String, doneByteCount: Int64) throws(CommandError) {
    let needed = diskByteCount - doneByteCount
    let free = try freeByteCount(for: output)
    guard needed <= free else {
      throw .refused(
        "\(Path.parent(output)) has \(Amount.bytes(free)) free, but the merge needs "
          + "\(Amount.bytes(needed)); free some or choose another output")
    }
  }

  /// Bytes free on the file system that will hold the output.
  func freeByteCount(for output: String) throws(CommandError) -> Int64 {
    try wrap(CommandError.storage) { () throws(StorageError) in
      var folder = Path.parent(output)
      while try FileStatus.of(folder) == nil, Path.parent(folder) != folder {
        folder = Path.parent(folder)
      }
      return try Folder.freeByteCount(folder)
    }
  }

  /// Bytes the output takes while it grows: its shards, and a little for records and side files.
  var diskByteCount: Int64 { PlanSummary(plan).writtenByteCount + 4_000_000 }
}

/// Reads a plan's text and gives its error with the path.
func reading<T>(
  _ path: String, _ call: () throws(PlanError) -> T
) throws(CommandError) -> T {
  do { return try call() } catch { throw .plan(path: path, error) }
}

/// Runs a module's call and gives its error as the command's.
func wrap<T, E: Error>(
  _ kind: (E) -> CommandError, _ call: () throws(E) -> T
) throws(CommandError) -> T {
  do { return try call() } catch { throw kind(error) }
}
