// Rules of families other than LoRA at work: operands read and made ready once a tensor, then bands
// of rows taken out of blocks, changed in Float64 and put back.
import Kernels
import Planning
import Safetensors
import Storage

extension TensorMerge {
  /// Makes the rules of a tensor ready; to be called once, before its tiles.
  func prepareRules() throws(MergingError) {
    for (index, update) in recipe.updates.enumerated() {
      guard case .weight(let rule) = update.rule else { continue }
      guard let type = WeightRules.all[rule.name] else {
        throw .unfitRecipe(tensor: recipe.name, .rule)
      }
      let numbers = Dictionary(rule.numbers.map { ($0.key, $0.value) }) { $1 }
      var (rows, columns) =
        rule.isTransposed ? (recipe.columns, recipe.rows) : (recipe.rows, recipe.columns)
      if let count = numbers["rowsOf"] {
        guard let all = Int(exactly: count), all >= rows else {
          throw .unfitRecipe(tensor: recipe.name, .operand)
        }
        rows = all
      }
      var values: [String: [Double]] = [:]
      var shapes: [String: [Int]] = [:]
      for operand in rule.operands {
        values[operand.role] = try read(operand.tensor)
        shapes[operand.role] = operand.shape
      }
      let operands = RuleOperands(
        rows: rows, columns: columns, isTransposed: rule.isTransposed, shapes: shapes,
        values: values, numbers: numbers)
      let weightRows = rule.isTransposed ? recipe.columns : recipe.rows
      guard let ready = PreparedRule(type, operands, weightRows: weightRows) else {
        throw .unfitRecipe(tensor: recipe.name, .operand)
      }
      rules[index] = ready
    }
  }

  /// w ← w', or w + strength · (w' − w), on the whole rows of a block.
  func applyWeight(_ index: Int, _ rule: WeightRule, to value: BlockNumbers) {
    guard let ready = rules[index] else { unreachable("update \(index) is not ready") }
    let block = unsafe value.block
    let (rows, columns) = (block.rows.count, block.columns.count)
    var band = Matrix(rows: rows, columns: columns)
    let start = unsafe value.start
    for i in 0..<band.numbers.count { band.numbers[i] = unsafe start.number(i, precision) }
    let before = rule.strength == 1 ? [] : band.numbers
    if rule.isTransposed { band = band.transposed }
    ready.apply(to: &band, firstRow: rule.isTransposed ? 0 : block.rows.lowerBound)
    if rule.isTransposed { band = band.transposed }
    for i in before.indices {
      band.numbers[i] = before[i] + rule.strength * (band.numbers[i] - before[i])
    }
    for (i, number) in band.numbers.enumerated() {
      switch precision {
      case .single:
        unsafe start.storeBytes(of: Float(number), toByteOffset: i * 4, as: Float.self)
      case .double: unsafe start.storeBytes(of: number, toByteOffset: i * 8, as: Double.self)
      }
    }
  }

  /// A whole tensor of an adapter, each number exactly.
  private func read(_ tensor: TensorBytes) throws(MergingError) -> [Double] {
    let bytes = Buffer(byteCount: max(1, Int(tensor.byteCount)))
    try unsafe context.inputs.read(
      tensor.file,
      into: UnsafeMutableRawBufferPointer(rebasing: bytes.bytes[..<Int(tensor.byteCount)]),
      at: tensor.offset)
    let start = unsafe UnsafeRawPointer(bytes.bytes.baseAddress!)
    let count = tensor.elementCount
    if tensor.dtype.isMergeable {
      let wide = Buffer(byteCount: max(1, count * 8))
      unsafe context.kernels.widen(
        tensor.dtype.element, start, to: wide.bytes.baseAddress!, .double, count: count)
      return (0..<count).map { unsafe wide.bytes.load(fromByteOffset: $0 * 8, as: Double.self) }
    }
    func whole<Word: FixedWidthInteger>(_: Word.Type) -> [Double] {
      (0..<count).map {
        let word = unsafe start.loadUnaligned(
          fromByteOffset: $0 * MemoryLayout<Word>.size, as: Word.self)
        return Double(Word(littleEndian: word))
      }
    }
    switch tensor.dtype {
    case .u8, .bool: return whole(UInt8.self)
    case .i8: return whole(Int8.self)
    case .u16: return whole(UInt16.self)
    case .i16: return whole(Int16.self)
    case .u32: return whole(UInt32.self)
    case .i32: return whole(Int32.self)
    case .u64: return whole(UInt64.self)
    case .i64: return whole(Int64.self)
    default: throw .unfitRecipe(tensor: recipe.name, .dtype)
    }
  }
}
