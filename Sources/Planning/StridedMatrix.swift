// A stored factor seen as a matrix, and the product of two of them: cut by rows, by columns or
// transposed by arithmetic on strides alone, so that one stored pair serves every layout.
import Adapters
import Safetensors

/// A matrix inside an adapter's tensor.
struct StridedMatrix: Equatable {
  var tensor: AdapterTensor
  /// Elements from the tensor's first to element [0, 0].
  var start: Int
  var rows: Int
  var columns: Int
  var rowStride: Int
  var columnStride: Int
  /// As in `Factor`.
  var headRows = 0

  /// The tensor as rows × everything else.
  init(_ tensor: AdapterTensor) {
    self.tensor = tensor
    start = 0
    rows = tensor.shape[0]
    columns = tensor.shape.dropFirst().reduce(1, *)
    rowStride = columns
    columnStride = 1
  }

  var transposed: StridedMatrix {
    var copy = self
    (copy.rows, copy.columns) = (columns, rows)
    (copy.rowStride, copy.columnStride) = (columnStride, rowStride)
    return copy
  }

  func rows(_ range: Range<Int>) -> StridedMatrix {
    var copy = self
    copy.start += range.lowerBound * rowStride
    copy.rows = range.count
    return copy
  }

  /// The factor as a recipe names it; `file` is the index among the plan's inputs.
  func factor(file: Int) -> Factor {
    Factor(
      file: file, offset: tensor.offset + Int64(start) * Int64(tensor.dtype.byteCount),
      dtype: tensor.dtype, rowStride: rowStride, columnStride: columnStride, headRows: headRows)
  }
}

/// left · right, the update before its scale.
struct LowRankProduct: Equatable {
  var left: StridedMatrix
  var right: StridedMatrix

  var rows: Int { left.rows }
  var columns: Int { right.columns }
  var rank: Int { right.rows }

  /// B·A of a plain pair: (out, r) and (r, in…), or stored transposed.
  init(_ module: AdapterModule) {
    left = StridedMatrix(module.b)
    right = StridedMatrix(module.a)
    if module.isTransposed { (left, right) = (left.transposed, right.transposed) }
    if module.hasTransposedA { right = right.transposed }
  }

  init(left: StridedMatrix, right: StridedMatrix) {
    self.left = left
    self.right = right
  }

  /// (B·A)ᵀ = Aᵀ·Bᵀ: the same sums in the same order, since a product's factors may swap.
  var transposed: LowRankProduct {
    LowRankProduct(left: right.transposed, right: left.transposed)
  }

  func rows(_ range: Range<Int>) -> LowRankProduct {
    LowRankProduct(left: left.rows(range), right: right)
  }

  /// One expert's share of a packed pair: A is (experts·r, p) with the expert's rows together, B is
  /// (q, experts·r) with column k·experts + e (rank by rank), or e·r + k where `grouped`.
  /// Source: PEFT `tuners/lora/layer.py`, ParamWrapper.
  static func expert(
    _ expert: Int, of count: Int, a: AdapterTensor, b: AdapterTensor, grouped: Bool
  ) -> LowRankProduct {
    let rank = a.shape[0] / count
    var left = StridedMatrix(b)
    left.columns = rank
    left.start = grouped ? expert * rank : expert
    left.columnStride = grouped ? 1 : count
    return LowRankProduct(
      left: left, right: StridedMatrix(a).rows(expert * rank..<(expert + 1) * rank))
  }
}
