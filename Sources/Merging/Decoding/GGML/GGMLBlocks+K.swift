// Blocks of 256 elements whose parts have scales of a few bits, themselves scaled by d (and dmin).
//
//   Q2_K   16 scales, the upper halves those of minima │ 64 bytes of codes │ d F16, dmin F16
//   Q3_K   32 bytes of third bits │ 64 bytes of codes │ 12 bytes of scales │ d F16
//   Q4_K   d F16, dmin F16 │ 12 bytes of scales and minima │ 128 bytes of codes
//   Q5_K   as Q4_K, with 32 bytes of fifth bits before the codes
//   Q6_K   128 bytes of lower halves │ 64 bytes of upper bits │ 16 scales I8 │ d F16
//
// Source: ggml `ggml-common.h`, gguf-py `quants.py`.

extension GGMLBlocks {
  /// (d · scale) · code − (dmin · minimum), of 16 elements each.
  static func q2K(_ block: CodeBytes, _ values: Values) {
    let (d, dmin) = unsafe (half(block, at: 80), half(block, at: 82))
    eachSixteen { part, shift, first in
      let pair = unsafe block[part]
      let (scale, least) = (d * number(pair & 15), dmin * number(pair >> 4))
      let codes = unsafe block + 16 + first
      let room = unsafe values + 16 * part
      for i in 0..<16 { unsafe room[i] = scale * number(codes[i] &>> shift & 3) - least }
    }
  }

  /// (d · (scale − 32)) · code, of 16 elements each: codes whose third bit is not set are less 4.
  static func q3K(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 108)
    let packed = unsafe block + 96
    eachSixteen { part, shift, first in
      let low = unsafe packed[part & 7] &>> UInt8(part &>> 3 &* 4) & 15
      let high = unsafe packed[8 + part & 3] &>> UInt8(part &>> 2 &* 2) & 3
      let scale = d * (number(low | high << 4) - 32)
      let codes = unsafe block + 32 + first
      let thirds = unsafe block + 16 * (part & 1)
      let bit = UInt8(part &>> 1)
      let room = unsafe values + 16 * part
      for i in 0..<16 {
        let code = unsafe codes[i] &>> shift & 3 | thirds[i] &>> bit & 1 &* 4
        unsafe room[i] = scale * (number(code) - 4)
      }
    }
  }

  static func q4K(_ block: CodeBytes, _ values: Values) {
    unsafe eachThirtyTwo(block, values, codes: block + 16) { code, _, _ in code }
  }

  static func q5K(_ block: CodeBytes, _ values: Values) {
    let fifths = unsafe block + 16
    unsafe eachThirtyTwo(block, values, codes: block + 48) { code, part, i in
      unsafe code | fifths[i] &>> part & 1 &* 16
    }
  }

  /// (d · scale) · (code − 32), of 16 elements each. A byte of lower halves has those of elements
  /// that lie 64 apart, one of upper bits those of four that lie 32 apart.
  static func q6K(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 208)
    for part in 0..<16 {
      let quarter = part &>> 1 & 3
      let scale = unsafe d * Float(Int32(Int8(bitPattern: block[192 + part])))
      let low = unsafe block + 64 * (part &>> 3) + 16 * (part & 3)
      let high = unsafe block + 128 + 32 * (part &>> 3) + 16 * (part & 1)
      let (place, bits) = (UInt8(quarter &>> 1 &* 4), UInt8(quarter &* 2))
      let room = unsafe values + 16 * part
      for i in 0..<16 {
        let code = unsafe low[i] &>> place & 15 | high[i] &>> bits & 3 &* 16
        unsafe room[i] = scale * (number(code) - 32)
      }
    }
  }

  // MARK: Parts

  /// Parts of 16 elements with codes of two bits: a byte has those of four elements that lie 32
  /// apart. The body gets the part, the place of its bits, and the first byte of its codes.
  @inline(__always)
  private static func eachSixteen(_ body: (_ part: Int, _ shift: UInt8, _ first: Int) -> Void) {
    for part in 0..<16 { body(part, UInt8(part & 6), 32 * (part &>> 3) + 16 * (part & 1)) }
  }

  /// Parts of 32 elements, (d · scale) · code − (dmin · minimum). A byte has the lower halves of
  /// two codes that lie 32 apart; `whole` adds what bits a code has beside.
  @inline(__always)
  private static func eachThirtyTwo(
    _ block: CodeBytes, _ values: Values, codes: CodeBytes,
    _ whole: (_ code: UInt8, _ part: UInt8, _ i: Int) -> UInt8
  ) {
    let (d, dmin) = unsafe (half(block, at: 0), half(block, at: 2))
    for part in 0..<8 {
      let (scale, least) = unsafe scales(block + 4, part)
      let (step, offset) = (d * number(scale), dmin * number(least))
      let pairs = unsafe codes + 32 * (part &>> 1)
      let shift = UInt8(part & 1 &* 4)
      let room = unsafe values + 32 * part
      for i in 0..<32 {
        let code = unsafe whole(pairs[i] &>> shift & 15, UInt8(part), i)
        unsafe room[i] = step * number(code) - offset
      }
    }
  }

  /// A scale and a minimum of six bits each. The first four of either kind have bytes of their own,
  /// in whose upper two bits the others' are; the lower four of those share the last four bytes.
  @inline(__always)
  private static func scales(_ packed: CodeBytes, _ part: Int) -> (scale: UInt8, least: UInt8) {
    if part < 4 { return unsafe (packed[part] & 63, packed[part + 4] & 63) }
    let pair = unsafe packed[part + 4]
    let (above, below) = unsafe (packed[part - 4] >> 6, packed[part] >> 6)
    return (pair & 15 | above << 4, pair >> 4 | below << 4)
  }
}
