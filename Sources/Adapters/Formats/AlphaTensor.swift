// Formats without a config keep alpha in the file, a tensor of one element for each module:
//
//   lora_unet_down_blocks_0_….alpha   F32 []   4.0
import Safetensors
import Storage

extension AdapterFolder {
  /// A module's alpha. One that is 0 is refused: what it means is not agreed on.
  func alpha(_ tensor: AdapterTensor) throws(AdapterError) -> Double {
    let number = try scalar(tensor)
    guard number != 0 else { throw .scalar(path: path, tensor: tensor.name) }
    return number
  }

  /// The number in a tensor of one element; one that is infinite, or no number, is refused.
  func scalar(_ tensor: AdapterTensor) throws(AdapterError) -> Double {
    let wrong = AdapterError.scalar(path: path, tensor: tensor.name)
    guard tensor.shape.reduce(1, *) == 1 else { throw wrong }
    let bytes = try storage { () throws(StorageError) in
      try File.open(files[tensor.file].path).read(
        count: tensor.dtype.byteCount, at: tensor.offset)
    }
    let word = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let number: Double
    switch tensor.dtype {
    case .f64: number = Double(bitPattern: word)
    case .f32: number = Double(Float(bitPattern: UInt32(word)))
    case .bf16: number = Double(Float(bitPattern: UInt32(word) << 16))
    case .f16: number = Double(Float16(bitPattern: UInt16(word)))
    case .i64: number = Double(Int64(bitPattern: word))
    case .i32: number = Double(Int32(truncatingIfNeeded: word))
    default: throw wrong
    }
    guard number.isFinite else { throw wrong }
    return number
  }
}

extension AdapterConfig.Scale {
  /// alpha/rank; 1 where there is no alpha.
  init(alpha: Double?, rank: Int) {
    self.init(
      rank: rank, alpha: alpha ?? Double(rank), value: alpha.map { $0 / Double(rank) } ?? 1,
      origin: alpha.map { "alpha \($0) / rank \(rank)" } ?? "no alpha, scale 1",
      rankOrigin: "its tensors")
  }
}
