// Blocks of 256 elements that are −d, 0 or d.
//
//   TQ1_0   48 bytes of five digits each │ 4 of four │ d F16
//   TQ2_0   64 bytes of four codes each, which lie 32 elements apart │ d F16
//
// Source: ggml `ggml-common.h`, `ggml-quants.c`, gguf-py `quants.py`.

extension GGMLBlocks {
  /// A byte is a number below 3⁵, stretched over 256: times 3^k, what is left of it in eight bits
  /// begins with digit k of base 3, which times 3 is carried out of them. Digits of a byte lie as
  /// many elements apart as bytes go together: 32, then 16, then 4.
  static func tq10(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 52)
    var room = unsafe values
    for (first, count, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
      var power: UInt8 = 1
      for _ in 0..<digits {
        for i in 0..<count {
          let rest = unsafe block[first + i] &* power
          unsafe room[i] = d * Float(Int32((UInt16(rest) &* 3) >> 8) - 1)
        }
        unsafe room += count
        power &*= 3
      }
    }
  }

  static func tq20(_ block: CodeBytes, _ values: Values) {
    let d = unsafe half(block, at: 64)
    for part in 0..<8 {
      let codes = unsafe block + 32 * (part &>> 2)
      let shift = UInt8(part & 3 &* 2)
      let room = unsafe values + 32 * part
      for i in 0..<32 { unsafe room[i] = d * (number(codes[i] &>> shift & 3) - 1) }
    }
  }
}
