import Safetensors
import Storage

extension MergeJob {
  /// The finished shard's first bytes: what its writer writes and every reader expects. Nil where a
  /// prelude stands there.
  package var header: [UInt8]? {
    if prelude != nil { return nil }
    return ShardLayout.header(recipes.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
  }

  /// Where a recipe's bytes and the zeros behind them end, counted from the header's end.
  package func end(of recipe: TensorRecipe) -> Int64 {
    (recipe.offset + recipe.byteCount).aligned(to: prelude?.alignment ?? 1)
  }
}
