// A recipe comes from a file. Before its numbers become addresses, every one is held against the
// tensor's shape and the files' sizes.
import Planning
import Safetensors

extension TensorRecipe {
  /// Refuses a recipe that would read or write outside of its tensor or files.
  func check(_ inputs: InputFiles) throws(MergingError) {
    if let reason = merged.firstUnfit(inputs) { throw .unfitRecipe(tensor: name, reason) }
    if let encoding, Encoders.of(self, encoding) == nil {
      throw .unfitRecipe(tensor: name, .encoding)
    }
  }

  private func firstUnfit(_ inputs: InputFiles) -> MergingError.UnfitRecipe? {
    guard shape.allSatisfy({ $0 >= 0 }), columns >= 0,
      columns == 0 ? elementCount == 0 : elementCount % columns == 0
    else { return .shape }
    guard decoding != nil || source.elementCount == elementCount else { return .source }
    guard source.fits(inputs) else { return .file }
    if isCopy { return nil }
    if let decoding {
      guard decoding.operands.allSatisfy({ $0.tensor.fits(inputs) }) else { return .file }
      guard DecodedSource(self, decoding) != nil else { return .decoding }
    }
    guard dtype.isMergeable, sourceDType.isMergeable else { return .dtype }
    for update in updates {
      guard update.window.rows.lowerBound >= 0, update.window.rows.upperBound <= rows,
        update.window.columns.lowerBound >= 0, update.window.columns.upperBound <= columns
      else { return .window }
      if let reason = firstUnfit(update, inputs) { return reason }
    }
    return nil
  }

  private func firstUnfit(
    _ update: Update, _ inputs: InputFiles
  ) -> MergingError.UnfitRecipe? {
    let rows = update.window.rows.count
    let columns = update.window.columns.count
    switch update.rule {
    case .lowRank(let product): return product.firstUnfit(rows, columns, inputs)
    case .dora(let product, let magnitude, let axis, _):
      if let reason = product.firstUnfit(rows, columns, inputs) { return reason }
      guard magnitude.elementCount == (axis == .row ? rows : columns) else { return .operand }
      return magnitude.firstUnfit(inputs)
    case .add(let tensor, _), .replace(let tensor, _):
      guard tensor.elementCount == rows * columns else { return .operand }
      return tensor.firstUnfit(inputs)
    case .replaceRows(let list, let tensor, _):
      guard list.allSatisfy({ (0..<self.rows).contains($0) }) else { return .window }
      guard tensor.elementCount == list.count * columns else { return .operand }
      return tensor.firstUnfit(inputs)
    case .weight(let rule):
      guard WeightRules.all[rule.name] != nil else { return .rule }
      guard rows == self.rows, columns == self.columns else { return .window }
      guard rule.rowsTogether.map({ $0 > 0 }) != false else { return .rule }
      return rule.operands.allSatisfy { $0.tensor.fits(inputs) } ? nil : .file
    }
  }
}

extension TensorBytes {
  fileprivate func fits(_ inputs: InputFiles) -> Bool {
    (0..<inputs.count).contains(file) && elementCount >= 0 && offset >= 0
      && byteCount <= inputs.byteCount(of: file) - offset
  }

  fileprivate func firstUnfit(_ inputs: InputFiles) -> MergingError.UnfitRecipe? {
    !dtype.isMergeable ? .dtype : !fits(inputs) ? .file : nil
  }
}

extension LowRank {
  fileprivate func firstUnfit(
    _ rows: Int, _ columns: Int, _ inputs: InputFiles
  ) -> MergingError.UnfitRecipe? {
    guard rank >= 1 else { return .rank }
    guard left.dtype.isMergeable, right.dtype.isMergeable else { return .dtype }
    guard left.fits(rows: rows, columns: rank, inputs),
      right.fits(rows: rank, columns: columns, inputs)
    else { return .file }
    return nil
  }
}

extension Factor {
  fileprivate func fits(rows: Int, columns: Int, _ inputs: InputFiles) -> Bool {
    guard (0..<inputs.count).contains(file), offset >= 0, rowStride >= 0, columnStride >= 0 else {
      return false
    }
    guard headRows == 0 || headRows > 0 && headRows % 2 == 0 && rows % headRows == 0 else {
      return false
    }
    if rows == 0 || columns == 0 { return true }
    let (down, far) = (rows - 1).multipliedReportingOverflow(by: rowStride)
    let (across, wide) = (columns - 1).multipliedReportingOverflow(by: columnStride)
    let (last, long) = down.addingReportingOverflow(across)
    guard !far, !wide, !long else { return false }
    let available = (inputs.byteCount(of: file) - offset) / Int64(dtype.byteCount)
    return Int64(last) < available
  }
}
