// Reading adapters: strided matrices into packed order, and plain runs of numbers. Memory is
// bounded by the workbench whatever the factor's size, and no more of the file is read than the
// span of the lines asked for: dense rows come in one read, a column of a transposed or interleaved
// factor costs the bytes between its first and last element.
import Kernels
import Planning
import Safetensors
import Storage

/// What all tensors of a job have in common.
final class MergeContext {
  let inputs: InputFiles
  let kernels: KernelTable
  let budget: TileBudget
  let keepsNonFinite: Bool
  let keepsLostUpdates: Bool
  let accumulation: MergeOptions.Accumulation

  init(
    inputs: InputFiles, kernels: KernelTable, budget: TileBudget, keepsNonFinite: Bool,
    keepsLostUpdates: Bool = false, accumulation: MergeOptions.Accumulation = .f32
  ) {
    self.inputs = inputs
    self.kernels = kernels
    self.budget = budget
    self.keepsNonFinite = keepsNonFinite
    self.keepsLostUpdates = keepsLostUpdates
    self.accumulation = accumulation
  }
}

/// Part of a factor and where its elements go: element [i, k] of the part goes to
/// `rowPlace.index(rowFirst + i·rowStep) + columnPlace.index(columnFirst + k)`.
struct FactorPart {
  var factor: Factor
  var rows: Range<Int>
  var columns: Range<Int>
  var rowPlace: AxisPlacement
  var rowFirst = 0
  var rowStep = 1
  var columnPlace: AxisPlacement
  var columnFirst = 0
}

extension MergeContext {
  /// Reads, widens and places part of a factor.
  ///
  /// Lines run along the axis with the smaller stride, along columns where rows go to every second
  /// place; several lines are read at once where little lies between them.
  func load(
    _ part: FactorPart, _ precision: Precision, to target: UnsafeMutableRawPointer,
    _ bench: Workbench
  ) throws(MergingError) {
    guard part.factor.headRows == 0 else {
      return try unsafe loadHeads(part, precision, to: target, bench)
    }
    let factor = part.factor
    let alongColumns =
      part.rows.count == 1 || part.rowStep != 1
      || (part.columns.count != 1 && factor.columnStride <= factor.rowStride)
    let (outer, outerStride) =
      alongColumns ? (part.rows, factor.rowStride) : (part.columns, factor.columnStride)
    let (inner, innerStride) =
      alongColumns
      ? (part.columns, max(1, factor.columnStride)) : (part.rows, max(1, factor.rowStride))
    let outerPlace = alongColumns ? part.rowPlace : part.columnPlace
    let (outerFirst, outerStep) =
      alongColumns ? (part.rowFirst, part.rowStep) : (part.columnFirst, 1)
    let innerPlace = alongColumns ? part.columnPlace : part.rowPlace
    let innerFirst = alongColumns ? part.columnFirst : part.rowFirst

    let size = factor.dtype.byteCount
    let capacity = unsafe bench.read.bytes.count / size
    let lineLength = min(inner.count, (capacity - 1) / innerStride + 1)
    for start in stride(from: 0, to: inner.count, by: max(1, lineLength)) {
      let length = min(lineLength, inner.count - start)
      let span = (length - 1) * innerStride + 1
      let isDense = outerStride > 0 && outerStride <= 2 * span
      let linesAtOnce = isDense ? (capacity - span) / outerStride + 1 : 1
      for first in stride(from: 0, to: outer.count, by: linesAtOnce) {
        let lines = min(linesAtOnce, outer.count - first)
        let element =
          (outer.lowerBound + first) * outerStride + (inner.lowerBound + start) * innerStride
        let count = (lines - 1) * outerStride + span
        let bytes = unsafe UnsafeMutableRawBufferPointer(
          rebasing: bench.read.bytes[..<(count * size)])
        try unsafe inputs.read(
          factor.file, into: bytes, at: factor.offset + Int64(element) * Int64(size))
        for line in 0..<lines {
          let offset =
            outerPlace.index(outerFirst + (first + line) * outerStep) * precision.byteCount
          unsafe place(
            bytes.baseAddress! + line * outerStride * size, factor.dtype, stride: innerStride,
            count: length, precision, innerPlace, first: innerFirst + start, to: target + offset,
            bench)
        }
      }
    }
  }

  /// The same for rows of heads whose halves alternate: half by half.
  private func loadHeads(
    _ part: FactorPart, _ precision: Precision, to target: UnsafeMutableRawPointer,
    _ bench: Workbench
  ) throws(MergingError) {
    for run in part.factor.runs(of: part.rows) {
      var half = part
      half.factor.headRows = 0
      (half.rows, half.rowStep) = (run.stored, run.step)
      half.rowFirst += run.first
      try unsafe load(half, precision, to: target, bench)
    }
  }

  /// Widens `count` elements that lie `stride` apart and scatters them.
  private func place(
    _ from: UnsafeRawPointer, _ dtype: DType, stride: Int, count: Int, _ precision: Precision,
    _ place: AxisPlacement, first: Int, to target: UnsafeMutableRawPointer, _ bench: Workbench
  ) {
    let size = dtype.byteCount
    let line = unsafe bench.line.bytes.baseAddress!
    let capacity = bench.budget.lineByteCount / 8
    var done = 0
    while done < count {
      let length = min(capacity, count - done)
      var run = unsafe from + done * stride * size
      if stride != 1 {
        let picked = unsafe bench.picked.bytes.baseAddress!
        unsafe Elements.gather(run, stride: stride, count: length, byteCount: size, to: picked)
        unsafe run = UnsafeRawPointer(picked)
      }
      unsafe kernels.widen(dtype.element, run, to: line, precision, count: length)
      unsafe Elements.scatter(
        precision, line, count: length, first: first + done, place, to: target)
      done += length
    }
  }

  /// Reads `count` numbers of a tensor from element `first` in pieces, each widened and handed over
  /// with its place in the run.
  func eachRun(
    of tensor: TensorBytes, from first: Int, count: Int, _ precision: Precision,
    _ bench: Workbench, _ body: (_ numbers: UnsafeRawPointer, _ place: Range<Int>) -> Void
  ) throws(MergingError) {
    let size = tensor.dtype.byteCount
    let line = unsafe bench.line.bytes.baseAddress!
    let capacity = min(bench.budget.lineByteCount / 8, bench.budget.readByteCount / size)
    var done = 0
    while done < count {
      let length = min(capacity, count - done)
      let bytes = unsafe UnsafeMutableRawBufferPointer(
        rebasing: bench.read.bytes[..<(length * size)])
      try unsafe inputs.read(
        tensor.file, into: bytes, at: tensor.offset + Int64(first + done) * Int64(size))
      unsafe kernels.widen(
        tensor.dtype.element, bytes.baseAddress!, to: line, precision, count: length)
      unsafe body(line, done..<(done + length))
      done += length
    }
  }
}

extension DType {
  /// The kernels' name of a mergeable type.
  var element: ElementType {
    switch self {
    case .bf16: .bf16
    case .f16: .f16
    case .f32: .f32
    case .f64: .f64
    default: unreachable("\(rawValue) is not worked on")
    }
  }
}
