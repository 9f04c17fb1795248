// shardweld.json: what an output was made of and what each byte of it must be. No time, host or
// path is in it: the same merge writes the same manifest.
import OrderedJSON
package import Planning
package import Safetensors
import Storage

package struct Manifest: Equatable, Sendable {
  /// The tool and its version, e.g. `shardweld 0.1.0`.
  package var tool: String
  package var options: MergeOptions
  /// Shards of the base, by name.
  package var base: [BaseShard]
  /// In the order they were merged.
  package var adapters: [Adapter]
  /// Those that the base itself had been merged with before.
  package var earlierAdapters: [Adapter]
  /// Config, index and side files, by name.
  package var files: [FileDigest]
  package var shards: [Shard]

  package struct BaseShard: Equatable, Sendable {
    package var name: String
    package var byteCount: Int64
    package var headerDigest: String
  }

  package struct Adapter: Equatable, Sendable {
    /// The last part of its folder's path.
    package var name: String
    package var kind: String
    package var strength: Double
    package var configDigest: String
    /// Its files of tensors.
    package var files: [FileDigest]
  }

  package struct Shard: Equatable, Sendable {
    package var name: String
    package var byteCount: Int64
    /// In the algorithm of `options.digest`.
    package var digest: String
    /// In file order, their bytes without a hole but for those that a prelude asks for.
    package var tensors: [Tensor]
    /// What stands in the header's place; nil for a safetensors file.
    package var prelude: Prelude?
  }

  /// First bytes that do not follow from a shard's tensors.
  package struct Prelude: Equatable, Sendable {
    package var byteCount: Int64
    package var digest: String
    /// Every tensor begins at a multiple of it, counted from the prelude's end.
    package var alignment: Int64
  }

  package struct Tensor: Equatable, Sendable {
    package var name: String
    package var dtype: DType
    package var shape: [Int]
    package var digest: String
    /// Of the bytes it was made from; of a quantised weight, of its values in the type that its
    /// library gives.
    package var sourceDigest: String
    /// The quantised format that it was dequantised from; nil for a plain one.
    package var dequantizedFrom: String?
    /// What it holds of a weight that went back into that format; nil for values.
    package var requantized: Encoding.Part?
    /// Shape of that weight's values, as they are stored.
    package var valueShape: [Int]?
    /// In the order they were added; none for a copy.
    package var updates: [Origin]
    /// What the updates did; nil for a copy, and in manifests of versions that did not measure.
    package var statistics: UpdateStatistics?

    package var byteCount: Int64 { Int64(shape.reduce(dtype.bitCount, *) / 8) }
  }

  /// Where an update came from.
  package struct Origin: Equatable, Sendable {
    /// Index into `adapters`.
    package var adapter: Int
    package var text: String
  }

  /// What a finished merge says of itself. `commits` in the plan's order; `adapterFiles` per
  /// adapter, in the plan's order.
  package init(
    tool: String, plan: MergePlan, commits: [CommitDigests], adapterFiles: [[FileDigest]],
    earlierAdapters: [Adapter], files: [FileDigest]
  ) {
    self.tool = tool
    options = plan.options
    base = plan.inputs.filter { $0.role == .base }
      .map {
        BaseShard(name: $0.name, byteCount: $0.byteCount, headerDigest: $0.headerDigest)
      }
      .sorted { Self.precedes($0.name, $1.name) }
    adapters = zip(plan.adapters, adapterFiles).map { adapter, files in
      Adapter(
        name: Path.name(adapter.path), kind: adapter.kind, strength: adapter.strength,
        configDigest: adapter.configDigest,
        files: files.sorted { Self.precedes($0.name, $1.name) })
    }
    self.earlierAdapters = earlierAdapters
    self.files = files.sorted { Self.precedes($0.name, $1.name) }
    shards = zip(plan.jobs, commits).map { job, commit in
      Shard(
        name: job.shardName, byteCount: job.byteCount, digest: commit.shard,
        tensors: zip(job.recipes, commit.tensors).map { recipe, digests in
          Tensor(
            name: recipe.name, dtype: recipe.dtype, shape: recipe.shape, digest: digests.output,
            sourceDigest: digests.source, dequantizedFrom: recipe.decoding?.title,
            requantized: recipe.encoding?.part, valueShape: recipe.encoding?.shape,
            updates: recipe.stories(plan.inputs).map { Origin(adapter: $0.adapter, text: $0.text) },
            statistics: digests.update)
        },
        prelude: job.prelude.map {
          Prelude(
            byteCount: job.headerByteCount, digest: $0.digest, alignment: $0.alignment)
        })
    }
  }

  /// The digests of one committed job.
  package struct CommitDigests: Equatable, Sendable {
    package var shard: String
    package var tensors: [TensorDigests]

    package init(shard: String, tensors: [TensorDigests]) {
      self.shard = shard
      self.tensors = tensors
    }
  }

  init(
    tool: String, options: MergeOptions, base: [BaseShard], adapters: [Adapter],
    earlierAdapters: [Adapter], files: [FileDigest], shards: [Shard]
  ) {
    self.tool = tool
    self.options = options
    self.base = base
    self.adapters = adapters
    self.earlierAdapters = earlierAdapters
    self.files = files
    self.shards = shards
  }

  // MARK: What follows from it

  /// One digest for the whole output: equal exactly where all shards and files are.
  package var outputDigest: String {
    let lines =
      shards.map { "\($0.digest) \($0.name)\n" } + files.map { "\($0.digest) \($0.name)\n" }
    return Digest.xxh3(lines.sorted(by: Self.precedes).joined()).description
  }

  /// True where one of these adapter files was merged into this output, or into its base before.
  ///
  /// Merging an adapter twice doubles it, which nobody wants and no loader notices.
  package func carries(adapterDigests: [String]) -> Bool {
    adapter(carrying: adapterDigests) != nil
  }

  /// The merged adapter that one of these files belongs to, nil where there is none.
  package func adapter(carrying digests: [String]) -> Adapter? {
    let wanted = Set(digests)
    return (adapters + earlierAdapters).first { adapter in
      adapter.files.contains { wanted.contains($0.digest) }
    }
  }

  /// By the bytes of UTF-8: the order that Python sorts in, the same in every locale.
  static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }
}

extension Manifest.Shard {
  /// The file's first bytes; nil where a prelude stands there.
  var header: [UInt8]? {
    if prelude != nil { return nil }
    return ShardLayout.header(tensors.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
  }

  /// Bytes before the first tensor.
  package var headerByteCount: Int64 {
    prelude?.byteCount ?? byteCount - tensors.reduce(0) { $0 + $1.byteCount }
  }

  /// Where the file ends: behind its last tensor and what zeros its prelude asks for.
  var end: Int64 {
    let start = headerByteCount
    let data = (ranges.last?.upperBound ?? start) - start
    return start + data.aligned(to: prelude?.alignment ?? 1)
  }

  /// Where each tensor's bytes lie in the file, in order.
  package var ranges: [Range<Int64>] {
    let (start, alignment) = (headerByteCount, prelude?.alignment ?? 1)
    var offset: Int64 = 0
    return tensors.map { tensor in
      defer { offset = (offset + tensor.byteCount).aligned(to: alignment) }
      return start + offset..<start + offset + tensor.byteCount
    }
  }
}
