// Rows of merged values → groups → scales and codes → bytes.
import Planning
import Safetensors
import Storage

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
    var scales = largest(values, rows).enumerated().map {
      rule.scale(largest: $1, isRest: groups.isRest(first + $0))
    }
    let coded = nested?.coded(scales.map(\.stored))
    switch part {
    case .scales:
      return EncodedRows(bytes: coded?.codes ?? scaleDType.bytes(scales.map(\.stored)))
    case .nestedScales:
      return EncodedRows(bytes: DType.f32.bytes(coded?.scales ?? []))
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

  /// The largest magnitude of each group.
  private func largest(_ values: [Float], _ rows: Range<Int>) -> [Float] {
    let first = groups.first(of: rows.lowerBound)
    let count = groups.first(of: rows.upperBound) - first
    // Without their signs, finite numbers are in the order of their bits.
    var largest = [Int32](repeating: 0, count: count)
    check(values.count, rows)
    unsafe values.withUnsafeBufferPointer { values in
      groups.eachRun(of: rows) { run, group in
        let values = unsafe values.baseAddress! + run.lowerBound
        var most = largest[group - first]
        for i in 0..<run.count {
          most = unsafe max(most, Int32(bitPattern: values[i].bitPattern & 0x7FFF_FFFF))
        }
        largest[group - first] = most
      }
    }
    return largest.map { Float(bitPattern: UInt32($0)) }
  }

  private func codes(_ values: [Float], _ rows: Range<Int>, _ scales: [GroupScale]) -> [UInt8] {
    let first = groups.first(of: rows.lowerBound)
    check(values.count, rows)
    return unsafe [UInt8](unsafeUninitializedCapacity: values.count) { codes, count in
      count = values.count
      let codes = codes.baseAddress!
      unsafe values.withUnsafeBufferPointer { values in
        groups.eachRun(of: rows) { run, group in
          unsafe rule.encode(
            values.baseAddress! + run.lowerBound, run.count, scales[group - first],
            to: codes + run.lowerBound)
        }
      }
    }
  }

  private func values(_ codes: [UInt8], _ rows: Range<Int>, _ scales: [GroupScale]) -> [Float] {
    let first = groups.first(of: rows.lowerBound)
    check(codes.count, rows)
    return unsafe [Float](unsafeUninitializedCapacity: codes.count) { values, count in
      count = codes.count
      let values = values.baseAddress!
      unsafe codes.withUnsafeBufferPointer { codes in
        groups.eachRun(of: rows) { run, group in
          let room = unsafe values + run.lowerBound
          unsafe rule.decode(
            codes.baseAddress! + run.lowerBound, run.count, scales[group - first], to: room)
          unsafe dtype.round(room, run.count)
        }
      }
    }
  }

  /// Runs cover the rows, neither less nor more.
  private func check(_ count: Int, _ rows: Range<Int>) {
    invariant(
      count == rows.count * groups.columns && count > 0, "\(count) elements of \(rows.count) rows")
  }
}

extension DType {
  /// Scales as they are stored; of exponents, powers of two.
  fileprivate func bytes(_ scales: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(scales.count * byteCount)
    for scale in scales {
      let word: UInt32 =
        switch self {
        case .bf16: rounded(scale).bitPattern >> 16
        case .f16: UInt32(Float16(scale).bitPattern)
        case .f32: scale.bitPattern
        default: UInt32(clamping: min(255, max(0, Int(scale.exponent) + 127)))
        }
      for byte in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * byte))) }
    }
    return bytes
  }
}
