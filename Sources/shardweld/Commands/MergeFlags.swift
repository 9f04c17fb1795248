// `shardweld merge`, and the flags it shares with coordinator and plan.
import Planning
import Storage

/// How finished shards are checked before they are committed.
enum ShardVerification: String, CaseIterable, Sendable { case readback, none }

/// What `merge` was asked to do.
struct MergeFlags: CommandFlags, Equatable {
  /// As typed: a folder, one file, or a name from the Hugging Face cache.
  var base = ""
  /// In the order given, which is the order of their updates.
  var adapters: [AdapterChoice] = []
  /// As typed; "" only for `plan`, where it may be left out.
  var output = ""

  var layout = MergeOptions.Layout.layers
  /// Bytes; nil is `auto`.
  var maxShardSize: Int64?
  var dtype = MergeOptions.OutputDType.keep
  var digest = DigestAlgorithm.xxh3
  var accumulation = MergeOptions.Accumulation.f32
  var nonFinite = MergeOptions.NonFinite.refuse
  var dequantize = MergeOptions.Dequantize.auto
  var requantize = MergeOptions.Requantize.none
  var lostUpdates = MergeOptions.LostUpdates.refuse

  var combine = Combination.Method.sum
  var density = 1.0
  /// 0 where it is not given.
  var combineRank = 0
  var combineSeed = 0

  /// Of single modules, in the order given.
  var selection = ModuleSelection()

  /// nil is `auto`.
  var workers: Int?
  /// Of one worker; nil is `auto`.
  var threads: Int?
  /// Bytes of one worker; nil is `auto`.
  var memoryLimit: Int64?
  /// Bytes a second of all workers together; nil is no limit.
  var ioLimit: Int64?

  var verify = ShardVerification.readback
  /// Of a hundred jobs, so many are merged twice by two workers and compared.
  var audit = 0
  var takeover = false
  var overwrite = false
  var restart = false
  var keepJob = false
  var again = false
  var dryRun = false

  var json = false
  var progress = ProgressMode.auto
  var logLevel = LogLevel.info

  /// The choices that change the output's bytes, as the plan holds them.
  var options: MergeOptions {
    var options = MergeOptions()
    options.layout = layout
    options.maxShardByteCount = maxShardSize
    options.dtype = dtype
    options.digest = digest.rawValue
    options.accumulation = accumulation
    options.nonFinite = nonFinite
    options.dequantize = dequantize
    options.requantize = requantize
    options.lostUpdates = lostUpdates
    options.combination.method = combine
    options.combination.density = density
    options.combination.rank = combineRank
    options.combination.seed = combineSeed
    options.selection = selection
    return options
  }

  static let declaration = Declaration<MergeFlags>(
    "merge", summary: "merge adapters into a checkpoint on this machine",
    purpose: "Adds one or more PEFT adapters to a checkpoint and writes the merged checkpoint as "
      + "plain safetensors, with worker processes of its own on this machine. Stopped or killed "
      + "at any moment, the same command goes on where it was, and the output is the same bytes.",
    groups: [inputs, modules, form, several, resources, course, report],
    examples: [
      .init(
        lines: ["merge --base BASE --adapter ADAPTER --output MERGED"],
        meaning: "Merge one adapter."),
      .init(
        lines: ["merge --base BASE --adapter STYLE=0.7 --adapter FACTS", "--output MERGED"],
        meaning: "Merge two, the first at 70 % of its strength."),
      .init(
        lines: [
          "merge --base BASE --adapter ADAPTER --output MERGED",
          "--layout source --workers 4 --memory-limit 1GB",
        ],
        meaning: "Keep the base's shards, with four workers of at most 1 GB each."),
    ],
    exitCodes: [.done, .failed, .badInput, .again, .configuration],
    check: { flags throws(UsageError) in try flags.check() })

  /// Refuses flags that contradict each other.
  func check() throws(UsageError) {
    try MemoryLimit.check(memoryLimit, threads: threads)
    // An audit takes two who merge.
    if let workers, workers < 2, audit > 0 { throw .conflict("--audit", "--workers \(workers)") }
    if requantize != .none, dequantize != .auto {
      throw .conflict("--requantize \(requantize.rawValue)", "--dequantize \(dequantize.rawValue)")
    }
    if lostUpdates == .keep, requantize == .none {
      throw .conflict("--lost-updates keep", "--requantize none")
    }
    if takeover && restart { throw .conflict("--takeover", "--restart") }
    if dryRun && takeover { throw .conflict("--dry-run", "--takeover") }
    if dryRun && restart { throw .conflict("--dry-run", "--restart") }
    if dryRun && overwrite { throw .conflict("--dry-run", "--overwrite") }
  }

  // MARK: Groups

  static let inputs = FlagGroup<MergeFlags>(
    "Input and output",
    [
      .required(
        "--base", .source, \.base,
        "Checkpoint: a folder, one file of weights, or a name such as org/name from the "
          + "Hugging Face cache."),
      .list(
        "--adapter", .adapter, \.adapters, required: true,
        "Adapter folder, and how strongly it counts on top of its own alpha and rank (1 where "
          + "nothing is said)."),
      .required("--output", .folder, \.output, "Folder of the merged checkpoint; made at the end."),
    ])

  static let modules = FlagGroup<MergeFlags>(
    "Modules",
    [
      .list(
        "--scale", .moduleScale, \.selection.scales, required: false,
        "Multiply the updates of some modules, such as layers.0-15=0.5, mlp=0.8 or 2:lm_head=0.3 "
          + "(of the second adapter alone); 0 leaves them out. Factors of one module multiply."),
      .list(
        "--only", .modules, \.selection.only, required: false,
        "Merge these modules alone: words that follow each other in a module's path, such as "
          + "self_attn.q_proj, *_proj or layers.3.mlp; layers.0-15 for layers 0 to 15."),
      .list(
        "--except", .modules, \.selection.except, required: false,
        "Leave these modules as the base has them."),
    ])

  static let form = FlagGroup<MergeFlags>(
    "Form of the output",
    [
      .value(
        "--layout", .choice(MergeOptions.Layout.self), \.layout,
        "Shards of whole layers, or the base's own shards; of GGUF, its own files unless a size is "
          + "given."),
      .value(
        "--max-shard-size", .orAuto(.byteCount), \.maxShardSize,
        "Largest shard in layout layers; auto is a 32nd of the checkpoint, from 64MB to 5GB."),
      .value(
        "--dtype", .choice(MergeOptions.OutputDType.self), \.dtype,
        "Element type of floating-point tensors."),
      .value(
        "--digest", .choice(DigestAlgorithm.self), \.digest,
        "Digest of shards in the manifest; sha256 where other tools shall check it."),
      .value(
        "--accumulate", .choice(MergeOptions.Accumulation.self), \.accumulation,
        "What adapted weights are worked on in: f32 gives PEFT's bytes; f64 rounds the exact "
          + "result once, and takes longer."),
      .value(
        "--nonfinite", .choice(MergeOptions.NonFinite.self), \.nonFinite,
        "What to do where a merged weight is not finite and the base's was."),
      .value(
        "--dequantize", .choice(MergeOptions.Dequantize.self), \.dequantize,
        "Which weights of a quantised base become plain ones of 16 bits: all, or those that an "
          + "adapter touches; auto is all where one is touched, and none otherwise; of GGUF, "
          + "those that are touched."),
      .value(
        "--requantize", .choice(MergeOptions.Requantize.self), \.requantize,
        "Put the weights that an adapter touches back into the base's own quantised form (same): "
          + "FP8 by channel or block, compressed-tensors' int4 and int8, MXFP4, NF4; of GGUF, "
          + "Q8_0, Q5_1, Q5_0, Q4_1, Q4_0, which can be named to have them for any other type."),
      .value(
        "--lost-updates", .choice(MergeOptions.LostUpdates.self), \.lostUpdates,
        "What to do where 99 % of the elements that an update moves fall back to what the "
          + "quantised form had without it."),
    ])

  static let several = FlagGroup<MergeFlags>(
    "Several adapters",
    [
      .value(
        "--combine", .choice(Combination.Method.self), \.combine,
        "How updates of one weight come together: added (sum, linear, cat), added and cut to a "
          + "rank (svd), or thinned and weighed against each other, each with its strength."),
      .value(
        "--density", .share, \.density,
        "Share of each update that ties, dare_linear, dare_ties and magnitude_prune keep."),
      .value(
        "--combine-rank", .count(0...65536), \.combineRank,
        "Rank that svd cuts to; it must be given there."),
      .value(
        "--combine-seed", .count(0...2_147_483_647), \.combineSeed,
        "Where the random choices of dare_linear and dare_ties come from."),
    ])

  static let resources = FlagGroup<MergeFlags>(
    "Resources",
    [
      .value(
        "--workers", .orAuto(.count(0...4096)), \.workers,
        "Worker processes; auto is one per core, and no more than jobs; 0 merges in this process."),
      .threads(
        \.threads, "Threads of each worker; auto shares this machine's cores between the workers."),
      .memoryLimit(\.memoryLimit, "Most memory of each worker, whatever the size of the model"),
      .ioLimit(\.ioLimit, "Most bytes a second that the workers read and write together"),
    ])

  static let course = FlagGroup<MergeFlags>(
    "Course",
    [
      .value(
        "--verify", .choice(ShardVerification.self), \.verify,
        "Read every finished shard back and compare digests before it counts as done, or not."),
      .value(
        "--audit", .wholePercent, \.audit,
        "Share of the shards that are merged twice, by two workers, and compared."),
      .toggle(
        "--takeover", \.takeover,
        "Take the merge from a coordinator that still runs, or seems to; it stops."),
      .toggle("--overwrite", \.overwrite, "Replace an output that is there, once all is done."),
      .toggle("--restart", \.restart, "Forget what an earlier run left and begin anew."),
      .toggle("--keep-job", \.keepJob, "Keep the job's folder, with its history, after success."),
      .toggle(
        "--again", \.again, "Merge even where the base already holds one of these adapters."),
      .toggle("--dry-run", \.dryRun, "Show the plan, as shardweld plan does, and stop."),
    ])

  static let report = FlagGroup<MergeFlags>(
    "Report",
    [
      .json(\.json),
      .progress(\.progress),
      .logLevel(\.logLevel),
    ])
}
