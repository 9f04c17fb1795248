// Rows of merged values → groups → scales and codes → bytes.
import Planning
import Safetensors

struct GroupEncoder<Rule: GroupRule>: Encoder {
  private let rule: Rule
  private let groups: Grouping
  private let part: Encoding.Part
  private let dtype: DType
  private let scaleDType: DType

  init?(_ recipe: TensorRecipe, _ encoding: Encoding) {
    guard let rule = Rule(encoding), let groups = Grouping(encoding),
      recipe.columns == groups.columns, [.bf16, .f16, .f32].contains(encoding.dtype)
    else { return nil }
    self.rule = rule
    self.groups = groups
    part = encoding.part
    dtype = encoding.dtype
    scaleDType = encoding.scaleDType
    let types: [DType] = [.bf16, .f16, .f32, .f8E8M0, .u8]
    guard types.contains(scaleDType), Int64(bytes(of: 0..<groups.allRows).count) == recipe.byteCount
    else { return nil }
  }

  func bytes(of rows: Range<Int>) -> Range<Int> {
    func place(_ row: Int) -> Int {
      switch part {
      case .scales: groups.first(of: row) * scaleDType.byteCount
      case .codes: rule.packing.byteCount(rows: row, columns: groups.columns)
      }
    }
    return place(rows.lowerBound)..<place(rows.upperBound)
  }

  func encode(_ values: [Float], _ rows: Range<Int>) -> EncodedRows {
    let first = groups.first(of: rows.lowerBound)
    var largest = [Float](repeating: 0, count: groups.first(of: rows.upperBound) - first)
    groups.eachRun(of: rows) { run, group in
      var most = largest[group - first]
      for place in run { most = max(most, values[place].magnitude) }
      largest[group - first] = most
    }
    let scales = largest.enumerated().map {
      rule.scale(largest: $1, isRest: groups.isRest(first + $0))
    }
    if part == .scales {
      return EncodedRows(bytes: scales.flatMap { scaleDType.bytes($0.stored) })
    }
    let codes = codes(values, rows, scales)
    return EncodedRows(
      bytes: rule.packing.packed(codes, columns: groups.columns),
      written: self.values(codes, rows, scales),
      plain: { base in self.values(self.codes(base, rows, scales), rows, scales) })
  }

  private func codes(_ values: [Float], _ rows: Range<Int>, _ scales: [GroupScale]) -> [UInt8] {
    let first = groups.first(of: rows.lowerBound)
    var codes = [UInt8](repeating: 0, count: values.count)
    groups.eachRun(of: rows) { run, group in
      let scale = scales[group - first]
      for place in run { codes[place] = rule.code(values[place], scale) }
    }
    return codes
  }

  private func values(_ codes: [UInt8], _ rows: Range<Int>, _ scales: [GroupScale]) -> [Float] {
    let first = groups.first(of: rows.lowerBound)
    var values = [Float](repeating: 0, count: codes.count)
    groups.eachRun(of: rows) { run, group in
      let scale = scales[group - first]
      for place in run { values[place] = dtype.rounded(rule.value(codes[place], scale)) }
    }
    return values
  }
}

extension DType {
  /// A scale as it is stored; of exponents, a power of two.
  fileprivate func bytes(_ scale: Float) -> [UInt8] {
    func little<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
      (0..<Word.bitWidth / 8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
    switch self {
    case .bf16: return little(UInt16(rounded(scale).bitPattern >> 16))
    case .f16: return little(Float16(scale).bitPattern)
    case .f32: return little(scale.bitPattern)
    default: return [UInt8(clamping: Int(scale.exponent) + 127)]
    }
  }
}
