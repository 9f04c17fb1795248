// What a worker is given: for every output tensor, which bytes to read and what to do with them. No
// names of adapters, families or folders are needed to follow a recipe; they ride along for people.
package import Safetensors

/// A whole tensor inside an input file.
package struct TensorBytes: Equatable, Sendable {
  /// Index into `MergePlan.inputs`.
  package var file: Int
  /// Where the first byte lies, counted from the start of the file.
  package var offset: Int64
  package var dtype: DType
  package var elementCount: Int

  package init(file: Int, offset: Int64, dtype: DType, elementCount: Int) {
    self.file = file
    self.offset = offset
    self.dtype = dtype
    self.elementCount = elementCount
  }

  package var byteCount: Int64 { Int64(elementCount) * Int64(dtype.bitCount) / 8 }
}

/// scale × (left · right): left is the window's rows × rank, right is rank × the window's columns.
///
/// Summed along the rank in order with fused multiply-adds from 0, then multiplied by the scale and
/// rounded, then added and rounded: contract `f32-once`. Under `f64-once` scaling and adding are
/// one step, rounded to odd.
package struct LowRank: Equatable, Sendable {
  package var left: Factor
  package var right: Factor
  package var rank: Int
  /// alpha/r (or alpha/√r) × the strength given on the command line; rounded to Float32 at use
  /// (kept whole in Float64).
  package var scale: Double

  package init(left: Factor, right: Factor, rank: Int, scale: Double) {
    self.left = left
    self.right = right
    self.rank = rank
    self.scale = scale
  }
}

/// The part of a tensor, seen as rows × columns, that an update touches.
package struct Window: Equatable, Sendable {
  package var rows: Range<Int>
  package var columns: Range<Int>

  package init(rows: Range<Int>, columns: Range<Int>) {
    self.rows = rows
    self.columns = columns
  }
}

/// What is done to a window. w is the value so far in Float32, or in Float64 where the base is F64
/// or the options ask for it.
package enum Rule: Equatable, Sendable {
  /// w ← w + scale·(left·right).
  case lowRank(LowRank)

  /// DoRA: V = w + scale·(left·right) over the whole tensor, f = m / ‖V‖ per row (or per column),
  /// w' = f·V; then w ← w + strength·(w' − w), which for strength 1 is w' itself, not computed by
  /// that sum. The norm's squares are summed in Float64 over the whole row or column; a row or
  /// column of norm 0 stays as it is. `strength` is NOT part of the low rank's scale here.
  /// Source: PEFT `tuners/lora/dora.py`, `variants.py`.
  case dora(LowRank, magnitude: TensorBytes, axis: Axis, strength: Double)

  /// w ← w + scale·v, element by element, over the whole tensor (biases).
  case add(TensorBytes, scale: Double)

  /// w ← v over the whole tensor for strength 1, else w + strength·(v − w).
  case replace(TensorBytes, strength: Double)

  /// The same for whole rows: row `rows[j]` of w takes row j of v.
  case replaceRows([Int], TensorBytes, strength: Double)

  /// What another family than LoRA does to the whole tensor.
  case weight(WeightRule)

  package enum Axis: String, Sendable { case row, column }
}

/// One step of a recipe, with its origin for `explain`.
package struct Update: Equatable, Sendable {
  package var window: Window
  package var rule: Rule
  /// Index into `MergePlan.adapters`.
  package var adapter: Int
  /// Names of the adapter's tensors that take part, as its files spell them.
  package var tensorNames: [String]
  /// How rank and alpha came about, e.g. `alpha 16 / r 8` or `alpha_pattern "q_proj" 32 / r 8`.
  package var origin: String

  package init(
    window: Window, rule: Rule, adapter: Int, tensorNames: [String], origin: String
  ) {
    self.window = window
    self.rule = rule
    self.adapter = adapter
    self.tensorNames = tensorNames
    self.origin = origin
  }
}

/// How one output tensor is made.
package struct TensorRecipe: Equatable, Sendable {
  package var name: String
  /// Element type in the output.
  package var dtype: DType
  package var shape: [Int]
  /// Columns of the rows × columns view that windows speak of: 1 for vectors and scalars, the last
  /// dimension for matrices and stacked experts, everything but the first for convolutions.
  package var columns: Int
  /// Where its bytes begin in the output shard, counted from the end of the header.
  package var offset: Int64
  /// What it starts from. An added tensor starts from the adapter's own.
  package var source: TensorBytes
  /// How the source, with other stored tensors, gives values; nil where it holds them.
  package var decoding: Decoding?
  /// How merged values become what is written; nil where they are written as they are.
  package var encoding: Encoding?
  /// Done in order. None, no decoding and an unchanged dtype: the bytes are copied.
  package var updates: [Update]

  package init(
    name: String, dtype: DType, shape: [Int], columns: Int, offset: Int64, source: TensorBytes,
    decoding: Decoding? = nil, encoding: Encoding? = nil, updates: [Update]
  ) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.columns = columns
    self.offset = offset
    self.source = source
    self.decoding = decoding
    self.encoding = encoding
    self.updates = updates
  }

  /// Type of the values it starts from.
  package var sourceDType: DType { decoding?.dtype ?? source.dtype }
  /// Stored bytes it starts from.
  package var sourceByteCount: Int64 { decoding?.byteCount ?? source.byteCount }
  package var elementCount: Int { shape.reduce(1, *) }
  package var rows: Int { columns == 0 ? 0 : elementCount / columns }
  package var byteCount: Int64 { Int64(elementCount) * Int64(dtype.bitCount) / 8 }
  /// True where the output's bytes are the source's bytes.
  package var isCopy: Bool {
    updates.isEmpty && decoding == nil && encoding == nil && dtype == source.dtype
  }
}

/// One output shard: the unit of work, of commit and of retry.
package struct MergeJob: Equatable, Sendable {
  /// Position in the plan, from 0.
  package var id: Int
  /// The shard's final name.
  package var shardName: String
  /// In file order, their bytes without a hole but for those that a prelude asks for.
  package var recipes: [TensorRecipe]
  /// Exact size of the finished file, its header (8 bytes of length included) and data.
  package var headerByteCount: Int64
  package var byteCount: Int64
  /// What stands in the header's place; nil for a safetensors file.
  package var prelude: Prelude?

  package init(
    id: Int, shardName: String, recipes: [TensorRecipe], headerByteCount: Int64, byteCount: Int64,
    prelude: Prelude? = nil
  ) {
    self.id = id
    self.shardName = shardName
    self.recipes = recipes
    self.headerByteCount = headerByteCount
    self.byteCount = byteCount
    self.prelude = prelude
  }

  /// Input files that it reads, each as often as it does.
  var files: some Sequence<Int> {
    [recipes.flatMap(\.files), prelude?.files ?? []].lazy.joined()
  }
}
