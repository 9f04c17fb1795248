// The inputs of a merge against its manifest: is this the base, are these the adapters, and does
// the arithmetic give the same bytes again?
import Adapters
import Merging
import Planning
import Publishing
import Safetensors
import Storage

/// Compares the inputs with a manifest, and merges a share of the changed tensors again.
struct InputCheck {
  private let flags: VerifyFlags
  private let threads: Int
  private let memoryByteCount: Int64
  private let traffic: Traffic
  private let manifest: Manifest
  private let preparation: Preparation
  private let encoded: EncodedPlan

  /// Plans the merge again with the options that the manifest holds.
  init(
    _ flags: VerifyFlags, base: String, manifest: Manifest, _ traffic: Traffic
  ) throws(CommandError) {
    let share = HostShare.own
    self.flags = flags
    threads = flags.threads ?? share.cores
    memoryByteCount = try MemoryLimit.own(flags.memoryLimit, threads: threads, share)
    self.traffic = traffic
    self.manifest = manifest
    var merge = MergeFlags()
    merge.base = base
    merge.adapters = flags.adapters
    merge.again = true
    var options = manifest.options
    // Rules for modules mean something to the adapters that were merged alone.
    if flags.adapters.count != manifest.adapters.count { options.selection = ModuleSelection() }
    preparation = try Preparation(merge, options: options)
    encoded = PlanCodec.encode(preparation.plan)
  }

  /// How many tensors were merged again; throws at the first difference.
  func run() throws(CommandError) -> Int {
    try checkBase()
    if flags.adapters.isEmpty { return 0 }
    try checkAdapters()
    guard let percent = flags.recompute else { return 0 }
    return try recompute(percent)
  }

  /// Headers, then every tensor that was read.
  private func checkBase() throws(CommandError) {
    for input in preparation.plan.inputs where input.role == .base {
      guard let known = manifest.base.first(where: { $0.name == input.name }) else {
        throw .different("\(input.path) is no shard of the base that was merged")
      }
      guard known.byteCount == input.byteCount, known.headerDigest == input.headerDigest else {
        throw .different("\(input.path) is not the shard that was merged: its header differs")
      }
    }
    var merged: [String: Manifest.Tensor] = [:]
    for tensor in manifest.shards.lazy.flatMap(\.tensors) { merged[tensor.name] = tensor }
    for job in preparation.plan.jobs {
      for (index, recipe) in job.recipes.enumerated() {
        let input = preparation.plan.inputs[recipe.source.file]
        // What an adapter replaces whole was never read from the base. Without the adapters, a
        // weight that was dequantised for one stays as it is.
        guard input.role == .base, let known = merged[recipe.name],
          !replaced.contains(recipe.name),
          (known.dequantizedFrom == nil) == (recipe.decoding == nil)
        else { continue }
        let found =
          recipe.decoding == nil
          ? try digest(recipe.source, in: input) : try digest(ofRecipe: index, job.id)
        guard found == known.sourceDigest else {
          throw .different(
            "\(input.path): \"\(recipe.name)\" is not what was merged: "
              + "\(known.sourceDigest) expected, \(found) found")
        }
      }
    }
  }

  /// Of the values that a quantised weight has.
  private func digest(ofRecipe index: Int, _ job: Int) throws(CommandError) -> String {
    let slice = try reading("plan") { () throws(PlanError) in try encoded.slice(job) }
    let merge = ShardMerge(
      slice: slice, threads: threads, memoryByteCount: memoryByteCount, traffic: traffic)
    return try wrap(CommandError.merging) { () throws(MergingError) in
      try merge.digest(ofRecipe: index).source
    }
  }

  /// Tensors that start from an adapter's own by the manifest.
  private var replaced: Set<String> {
    var names: Set<String> = []
    for tensor in manifest.shards.lazy.flatMap(\.tensors)
    where tensor.updates.contains(where: { $0.text == TensorRecipe.ownTensor }) {
      names.insert(tensor.name)
    }
    return names
  }

  private func digest(_ source: TensorBytes, in input: InputFile) throws(CommandError) -> String {
    try wrap(CommandError.storage) { () throws(StorageError) in
      let file = try File.open(input.path, traffic)
      let buffer = Buffer(byteCount: 4 << 20)
      var digester = Digester(.xxh3)
      var offset = source.offset
      let end = offset + source.byteCount
      while offset < end {
        let block = unsafe UnsafeMutableRawBufferPointer(
          rebasing: buffer.bytes[..<Int(min(end - offset, 4 << 20))])
        try unsafe file.read(into: block, at: offset, views: input.views)
        unsafe digester.update(UnsafeRawBufferPointer(block).bytes)
        offset += Int64(block.count)
      }
      return digester.finish().description
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
    var count = 0
    for job in preparation.plan.jobs {
      let chosen = job.recipes.indices.filter { index in
        let recipe = job.recipes[index]
        let bytes = Digest.xxh3(recipe.name).bytes
        let point = Double(Int(bytes[0]) << 8 | Int(bytes[1])) / 65536
        return !recipe.isCopy && point < percent / 100
      }
      if chosen.isEmpty { continue }
      let own = try reading("plan") { () throws(PlanError) in try encoded.slice(job.id) }
      let merge = ShardMerge(
        slice: own, threads: threads, memoryByteCount: memoryByteCount, traffic: traffic)
      guard let shard = manifest.shards.first(where: { $0.name == job.shardName }) else {
        throw .different("the manifest has no shard \(job.shardName)")
      }
      let known = Dictionary(shard.tensors.map { ($0.name, $0.digest) }) { first, _ in first }
      for index in chosen {
        let digests = try wrap(CommandError.merging) { () throws(MergingError) in
          try merge.digest(ofRecipe: index)
        }
        let name = job.recipes[index].name
        guard known[name] == digests.output else {
          throw .different("\(job.shardName): \"\(name)\" comes out differently when merged again")
        }
        count += 1
      }
    }
    return count
  }
}
