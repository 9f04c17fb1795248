// Blocks of 32 elements with one scale: d · (code − zero), or d · code + m.
//
//   Q4_0   d F16 │ 16 bytes of codes                         d · (code − 8)
//   Q4_1   d F16, m F16 │ 16 bytes of codes                  d · code + m
//   Q5_0   d F16 │ fifth bits, U32 │ 16 bytes of codes       d · (code − 16)
//   Q5_1   d F16, m F16 │ fifth bits │ 16 bytes of codes     d · code + m
//   Q8_0   d F16 │ 32 I8                                     code · d
//
// Source: ggml `ggml-common.h`, gguf-py `quants.py`.

extension GGMLBlocks {
  static func q40(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 0)
    unsafe fill(values, block + 2) { d * ($0 - 8) }
  }

  static func q41(_ block: CodeBytes, _ values: Values) {
    let (d, m) = unsafe (half(block, at: 0), half(block, at: 2))
    unsafe fill(values, block + 4) { d * $0 + m }
  }

  static func q50(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 0)
    unsafe fill(values, block + 6, fifths: word32(block, at: 2)) { d * ($0 - 16) }
  }

  static func q51(_ block: CodeBytes, _ values: Values) {
    let (d, m) = unsafe (half(block, at: 0), half(block, at: 2))
    unsafe fill(values, block + 8, fifths: word32(block, at: 4)) { d * $0 + m }
  }

  static func q80(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 0)
    for i in 0..<32 { unsafe values[i] = Float(Int32(Int8(bitPattern: block[2 + i]))) * d }
  }

  /// Byte i has the code of element i below and that of element 16 + i above; bit i of `fifths` is
  /// the fifth of element i's.
  @inline(__always)
  private static func fill(
    _ values: Values, _ codes: CodeBytes, fifths: UInt32 = 0, _ value: (Float) -> Float
  ) {
    for i in 0..<16 {
      let pair = unsafe UInt32(codes[i])
      let low = pair & 15 | fifths &>> UInt32(i) & 1 &* 16
      let high = pair &>> 4 | fifths &>> UInt32(12 + i) & 16
      unsafe values[i] = value(Float(Int32(bitPattern: low)))
      unsafe values[16 + i] = value(Float(Int32(bitPattern: high)))
    }
  }
}
