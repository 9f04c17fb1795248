// Values of ggml's blocks: a block is a run of a row's neighbours with its scales beside its codes,
// so that it can be taken apart by itself. Each type is one function and one line in `all`, and
// gives the bits of gguf-py's `dequantize`: products and sums in Float32, each rounded by itself.
//
// For example Q4_0, 32 elements in 18 bytes, where value = d · (code − 8):
//
//   d F16 │ codes of elements 0 and 16, 1 and 17 … 15 and 31, each pair a byte, the first below
//   55 2B │ 11 18 1F 26 2D 34 3B 42 49 50 57 5E 65 6C 73 7A
//
// Functions walk over pointers, without a check for each element: callers answer for a whole block
// of bytes and a whole block of room behind them.
import GGUF

/// A type of block that can be taken apart.
@safe struct GGMLBlocks: Sendable {
  typealias Unpacking = @Sendable (_ block: CodeBytes, _ values: Values) -> Void

  let type: GGMLType
  /// Writes the values of one block.
  private let unpack: Unpacking

  /// The type of ggml's number; nil for one whose values are not defined here.
  init?(type id: Int) {
    guard let id = UInt32(exactly: id), let type = GGMLType(id: id),
      let unpack = unsafe Self.all[type.name]
    else { return nil }
    self.type = type
    unsafe self.unpack = unpack
  }

  var elementCount: Int { type.blockElementCount }
  var byteCount: Int { type.blockByteCount }

  /// Writes the values of the block that begins at a byte.
  @inline(__always)
  func write(_ block: CodeBytes, to values: Values) { unsafe unpack(block, values) }

  /// The values of whole blocks.
  func values(_ bytes: [UInt8]) -> [Float] {
    let blocks = bytes.count / byteCount
    return unsafe [Float](unsafeUninitializedCapacity: blocks * elementCount) { values, count in
      count = blocks * elementCount
      unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress, let room = values.baseAddress else {
          return
        }
        for block in 0..<blocks {
          unsafe write(first + block * byteCount, to: room + block * elementCount)
        }
      }
    }
  }

  /// By ggml's name. Types that look their values up in large grids (IQ1, IQ2, IQ3) are none of
  /// these, nor Q8_1, Q8_K and Q1_0, which gguf-py does not take apart.
  private static let all: [String: Unpacking] = unsafe [
    "Q4_0": q40, "Q4_1": q41, "Q5_0": q50, "Q5_1": q51, "Q8_0": q80,
    "Q2_K": q2K, "Q3_K": q3K, "Q4_K": q4K, "Q5_K": q5K, "Q6_K": q6K,
    "IQ4_NL": iq4NL, "IQ4_XS": iq4XS, "MXFP4": mxfp4, "NVFP4": nvfp4,
    "TQ1_0": tq10, "TQ2_0": tq20,
  ]

  // MARK: Numbers in a block

  /// The float of 16 bits at a byte.
  @inline(__always)
  static func half(_ block: CodeBytes, at place: Int) -> Float {
    unsafe Float(Float16(bitPattern: word16(block, at: place)))
  }

  @inline(__always)
  static func word16(_ block: CodeBytes, at place: Int) -> UInt16 {
    unsafe UInt16(block[place]) | UInt16(block[place + 1]) << 8
  }

  @inline(__always)
  static func word32(_ block: CodeBytes, at place: Int) -> UInt32 {
    unsafe UInt32(word16(block, at: place)) | UInt32(word16(block, at: place + 2)) << 16
  }

  /// A code as a number, which is exact.
  @inline(__always)
  static func number(_ code: UInt8) -> Float { Float(Int32(code)) }
}
