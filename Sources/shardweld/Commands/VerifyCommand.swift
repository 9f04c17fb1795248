// `shardweld verify`: is a merged checkpoint still what was written, and was it made of these
// inputs?
import Adapters
import Merging
import OrderedJSON
import Planning
import Publishing
import Storage

enum VerifyCommand {
  static func run(_ flags: VerifyFlags) throws(CommandError) -> ExitCode {
    let output = Path.absolute(flags.output)
    let printer = ProgressPrinter(flags.progress)
    let report: VerifyReport
    do throws(PublishingError) {
      report = try OutputVerifier.verify(output) { done, total in
        printer.update(Progress(phase: "verifying", bytesDone: done, bytesTotal: total))
      }
    } catch {
      printer.finish(isComplete: false)
      throw .publishing(error)
    }
    printer.finish(isComplete: true)
    for name in report.extraFiles {
      Log(level: flags.logLevel).warning("\(name) is not in the manifest; it was added later")
    }
    var recomputed = 0
    if let base = flags.base {
      recomputed = try InputCheck(flags, base: base, manifest: report.manifest).run()
    }
    return try show(flags, output, report, recomputed)
  }

  private static func show(
    _ flags: VerifyFlags, _ output: String, _ report: VerifyReport, _ recomputed: Int
  ) throws(CommandError) -> ExitCode {
    guard flags.json else {
      var text = "verified  \(output)\n"
      text += "shards    \(report.shardCount), \(report.tensorCount) tensors\n"
      text += "read      \(Amount.bytes(report.byteCount))\n"
      if flags.base != nil { text += "inputs    as the manifest says\n" }
      if recomputed > 0 { text += "merged    \(recomputed) tensors again, bit for bit the same\n" }
      return try CommandLineFace.show(text + "digest    \(report.manifest.outputDigest)\n")
    }
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("output", output)
      writer.member("verified", .bool(true))
      writer.member("shards", report.shardCount)
      writer.member("tensors", report.tensorCount)
      writer.member("bytes", report.byteCount)
      writer.member("inputsChecked", .bool(flags.base != nil))
      writer.member("recomputed", recomputed)
      writer.member("extraFiles", .array(report.extraFiles.map { .string($0) }))
      writer.member("digest", report.manifest.outputDigest)
    }
    return try CommandLineFace.show(writer.text + "\n")
  }
}

/// Compares the inputs with a manifest, and merges a share of the changed tensors again.
struct InputCheck {
  private let flags: VerifyFlags
  private let manifest: Manifest
  private let preparation: Preparation

  /// Plans the merge again with the options that the manifest holds.
  init(_ flags: VerifyFlags, base: String, manifest: Manifest) throws(CommandError) {
    self.flags = flags
    self.manifest = manifest
    var merge = MergeFlags()
    merge.base = base
    merge.adapters = flags.adapters
    merge.again = true
    preparation = try Preparation(merge, options: manifest.options)
  }

  /// How many tensors were merged again; throws at the first difference.
  func run() throws(CommandError) -> Int {
    try checkBase()
    if flags.adapters.isEmpty { return 0 }
    try checkAdapters()
    guard let percent = flags.recompute else { return 0 }
    return try recompute(percent)
  }

  private func checkBase() throws(CommandError) {
    for input in preparation.plan.inputs where input.role == .base {
      guard let known = manifest.base.first(where: { $0.name == input.name }) else {
        throw .different("\(input.path) is no shard of the base that was merged")
      }
      guard known.byteCount == input.byteCount, known.headerDigest == input.headerDigest else {
        throw .different("\(input.path) is not the shard that was merged: its header differs")
      }
    }
  }

  private func checkAdapters() throws(CommandError) {
    let files = try preparation.adapterFiles()
    guard files.count == manifest.adapters.count else {
      throw .different(
        "\(manifest.adapters.count) adapters were merged, but \(files.count) are named")
    }
    for (index, known) in manifest.adapters.enumerated() {
      let path = preparation.adapters[index].path
      guard files[index].map(\.digest).sorted() == known.files.map(\.digest).sorted() else {
        throw .different("\(path) is not the adapter \"\(known.name)\" that was merged")
      }
      guard preparation.plan.adapters[index].configDigest == known.configDigest else {
        throw .different("\(path)/adapter_config.json is not the config that was merged by")
      }
      guard flags.adapters[index].strength == known.strength else {
        throw .different(
          "\(path) was merged at strength \(known.strength), not \(flags.adapters[index].strength)")
      }
    }
  }

  /// Tensors are chosen by a digest of their names, so that the same share is the same tensors.
  private func recompute(_ percent: Double) throws(CommandError) -> Int {
    let encoded = PlanCodec.encode(preparation.plan)
    var count = 0
    for (job, slice) in zip(preparation.plan.jobs, encoded.slices) {
      let chosen = job.recipes.indices.filter { index in
        let recipe = job.recipes[index]
        let bytes = Digest.xxh3(recipe.name).bytes
        let point = Double(Int(bytes[0]) << 8 | Int(bytes[1])) / 65536
        return !recipe.isCopy && point < percent / 100
      }
      if chosen.isEmpty { continue }
      let range = Int(slice.offset)..<Int(slice.offset + slice.byteCount)
      let own = try reading("plan") { () throws(PlanError) in
        try PlanCodec.decodeSlice(Array(encoded.bytes[range]))
      }
      let merge = ShardMerge(
        slice: own, threads: flags.threads ?? 1, memoryByteCount: flags.memoryLimit)
      guard let shard = manifest.shards.first(where: { $0.name == job.shardName }) else {
        throw .different("the manifest has no shard \(job.shardName)")
      }
      for index in chosen {
        let digests = try wrap(CommandError.merging) { () throws(MergingError) in
          try merge.digest(ofRecipe: index)
        }
        let name = job.recipes[index].name
        guard let known = shard.tensors.first(where: { $0.name == name }),
          known.digest == digests.output
        else {
          throw .different("\(job.shardName): \"\(name)\" comes out differently when merged again")
        }
        count += 1
      }
    }
    return count
  }
}
