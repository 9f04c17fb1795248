// One job: recipes in, one shard file out. The file is this process's alone: created exclusively,
// reserved, written in file order from the front, flushed with its folder, or removed.
//
// Order of one tensor: norms (DoRA only) → right factors into memory → tiles, each read, made,
// digested in order, written. The bytes depend on the slice alone, not on threads, memory or CPU.
import Kernels
package import Planning
import Safetensors
package import Storage

/// Merges the tensors of one job.
package struct ShardMerge {
  private let slice: JobSlice
  private let budget: TileBudget
  private let windowByteCount: Int64
  private let traffic: Traffic?
  private let allowance: CacheAllowance?

  /// `allowance` says how much of its inputs the merge may leave in the page cache; without one all
  /// of them stay.
  package init(
    slice: JobSlice, threads: Int, memoryByteCount: Int64, traffic: Traffic? = nil,
    allowance: CacheAllowance? = nil
  ) {
    self.init(
      slice: slice, budget: TileBudget(memoryByteCount: memoryByteCount, threads: threads),
      traffic: traffic, allowance: allowance)
  }

  /// With a split of one's own, and windows of one's own in which bytes go to the device: they
  /// never change a byte.
  package init(
    slice: JobSlice, budget: TileBudget, windowByteCount: Int64? = nil, traffic: Traffic? = nil,
    allowance: CacheAllowance? = nil
  ) {
    self.slice = slice
    self.budget = budget
    self.windowByteCount = windowByteCount ?? ShardOutput.windowByteCount
    self.traffic = traffic
    self.allowance = allowance
  }

  /// Writes the whole shard as `write`, and returns when it and its folder are flushed.
  package func run(
    to path: String, progress: (Int64) -> Bool
  ) throws(MergingError) -> MergedShard {
    try write(to: path, progress: progress).flush()
  }

  /// Creates `path` exclusively and makes all of the shard's bytes; nothing is durable before they
  /// are flushed.
  ///
  /// `progress` is told the bytes of tensors done so far, at least every few megabytes and always
  /// on the caller's thread; where it says false the merge stops. After any failure `path` is gone.
  package func write(
    to path: String, progress: (Int64) -> Bool
  ) throws(MergingError) -> UnflushedShard {
    let context = try open()
    let header = try checkedHeader()
    let file = try MergingError.storage { () throws(StorageError) in
      try File.create(path, traffic)
    }
    do throws(MergingError) {
      try MergingError.storage { () throws(StorageError) in
        try file.reserve(byteCount: slice.job.byteCount)
      }
      let output = ShardOutput(
        file, headerByteCount: slice.job.headerByteCount, byteCount: slice.job.byteCount,
        algorithm: algorithm, windowByteCount: windowByteCount,
        blockCount: budget.writeBlockCount)
      if let header {
        try unsafe output.put(header.span.bytes, at: -slice.job.headerByteCount)
      } else {
        try writePrelude(to: output, context.inputs)
      }
      let passing = allowance.map { PassingInputs(slice.job.recipes, context.inputs, $0) }
      let run = ShardRun(context, output, passing, path: path)
      var tensors: [TensorDigests] = []
      for recipe in slice.job.recipes {
        tensors.append(try run.merge(recipe, progress))
        let end = recipe.offset + recipe.byteCount
        try output.pad(from: end, to: slice.job.end(of: recipe))
      }
      try context.inputs.compare()
      return UnflushedShard(
        output, path: path, byteCount: slice.job.byteCount, tensors: tensors)
    } catch {
      UnflushedShard.remove(path)
      throw error
    }
  }

  /// The digests of one recipe's bytes, made anew and not written.
  package func digest(ofRecipe index: Int) throws(MergingError) -> TensorDigests {
    let run = ShardRun(try open(), nil, nil, path: slice.job.shardName)
    return try run.merge(slice.job.recipes[index]) { _ in true }
  }

  private var algorithm: DigestAlgorithm {
    DigestAlgorithm(rawValue: slice.options.digest) ?? .xxh3
  }

  private func open() throws(MergingError) -> MergeContext {
    let set: InstructionSet
    switch InstructionSet.selection {
    case .success(let selected): set = selected
    case .failure(let error): throw .instructionSet(error)
    }
    let inputs = try InputFiles(slice.inputs, traffic)
    for recipe in slice.job.recipes { try recipe.check(inputs) }
    return MergeContext(
      inputs: inputs, kernels: KernelTable(set), budget: budget,
      keepsNonFinite: slice.options.nonFinite == .keep,
      keepsLostUpdates: slice.options.lostUpdates == .keep,
      accumulation: slice.options.accumulation)
  }

  /// The shard's header, nil where a prelude stands there; refuses a job whose sizes or offsets are
  /// not those of its recipes.
  private func checkedHeader() throws(MergingError) -> [UInt8]? {
    let job = slice.job
    func unfit(_ expected: Int64, _ found: Int64) -> MergingError {
      .unfitJob(shard: job.shardName, expectedByteCount: expected, foundByteCount: found)
    }
    let header = job.header
    if let header, header.count != job.headerByteCount {
      throw unfit(job.headerByteCount, Int64(header.count))
    }
    var offset: Int64 = 0
    for recipe in job.recipes {
      guard recipe.offset == offset else { throw unfit(recipe.offset, offset) }
      offset = job.end(of: recipe)
    }
    guard offset + job.headerByteCount == job.byteCount else {
      throw unfit(job.byteCount, offset + job.headerByteCount)
    }
    return header
  }

  /// Writes what the plan puts before the tensors, its inputs' bytes among it, and refuses what is
  /// not what was planned.
  private func writePrelude(
    to output: ShardOutput, _ inputs: InputFiles
  ) throws(MergingError) {
    let unfit = MergingError.unfitPrelude(shard: slice.job.shardName)
    var digester: Digester? = Digester(.xxh3)
    var place = -slice.job.headerByteCount
    func put(_ bytes: RawSpan) throws(MergingError) {
      digester?.update(bytes)
      try output.put(bytes, at: place)
      place += Int64(bytes.byteCount)
    }
    for piece in slice.job.prelude?.pieces ?? [] {
      switch piece {
      case .bytes(let own): try unsafe put(own.span.bytes)
      case .input(let file, let offset, let byteCount):
        guard offset + byteCount <= inputs.byteCount(of: file) else { throw unfit }
        try inputs.eachBlock(of: file, offset..<offset + byteCount, put)
      case .zeros(let byteCount): try Zeros.eachBlock(byteCount, put)
      }
    }
    guard place == 0, digester.take()?.finish().description == slice.job.prelude?.digest else {
      throw unfit
    }
  }
}
