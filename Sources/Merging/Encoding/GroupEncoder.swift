// Rows of merged values → groups → scales and codes → bytes.
import Planning
import Safetensors

struct GroupEncoder<Rule: GroupRule>: Encoder {
  private let rule: Rule
  private let groups: Grouping
  private let part: Encoding.Part
  private let dtype: DType
  private let scaleDType: DType
  /// Where scales are codes themselves.
  private var nested: NestedScales?

  init?(_ recipe: TensorRecipe, _ encoding: Encoding) {
    guard let rule = Rule(encoding), let groups = Grouping(encoding),
      recipe.columns == groups.columns, [.bf16, .f16, .f32].contains(encoding.dtype)
    else { return nil }
    self.rule = rule
    self.groups = groups
    part = encoding.part
    dtype = encoding.dtype
    scaleDType = encoding.scaleDType
    nested = NestedScales(recipe, encoding)
    let isNested = encoding.nestedGroup != nil
    guard isNested == (nested != nil), isNested || part != .nestedScales else { return nil }
    let types: [DType] = [.bf16, .f16, .f32, .f8E8M0, .u8]
    guard types.contains(scaleDType), Int64(bytes(of: 0..<groups.allRows).count) == recipe.byteCount
    else { return nil }
  }

  mutating func prepare(_ reader: OperandReader) throws(MergingError) {
    try nested?.prepare(reader)
  }

  func bytes(of rows: Range<Int>) -> Range<Int> {
    func place(_ row: Int) -> Int {
      switch part {
      case .nestedScales: nested?.byteCount(groups.first(of: row)) ?? 0
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
    var scales = largest.enumerated().map {
      rule.scale(largest: $1, isRest: groups.isRest(first + $0))
    }
    let coded = nested?.coded(scales.map(\.stored))
    switch part {
    case .scales:
      return EncodedRows(bytes: coded?.codes ?? scales.flatMap { scaleDType.bytes($0.stored) })
    case .nestedScales:
      return EncodedRows(bytes: (coded?.scales ?? []).flatMap { DType.f32.bytes($0) })
    case .codes: break
    }
    // The library codes a weight by its scales as they were, and reads it back by their codes.
    if let coded { for index in scales.indices { scales[index].stored = coded.values[index] } }
    return encode(values, rows, scales)
  }

  /// Codes of values by their groups' scales, and what they are read back as.
  private func encode(
    _ values: [Float], _ rows: Range<Int>, _ scales: [GroupScale]
  ) -> EncodedRows {
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
