// ggml's blocks: a row's neighbours share scales, and all of a block's numbers lie together. The
// file says the type of each tensor; no name and no companion has a part in it.
//
//   X U8 [out, bytes of a row], of a type such as Q4_K
// Source: ggml's `ggml-common.h`; gguf-py `quants.py`.
import GGUF
import Safetensors

extension QuantizedFormat {
  static let ggml = QuantizedFormat { stored throws(QuantizedFault) in
    guard let block = stored.base.blocks[stored.name] else { return nil }
    // llama.cpp makes blocks of matrices alone, and reads a plain vector as F32 alone.
    let isVector = block.shape.count == 1
    var weight = QuantizedWeight(
      stored.name, block.shape, .f32, form: "ggmlBlocks",
      title: (isVector ? "a vector of " : "") + "GGUF \(block.type.name)",
      operands: [.init("codes", stored.tensor)], numbers: ["type": Double(block.type.id)])
    weight.isRead = !isVector && readTypes.contains(block.type.name)
    return weight
  }

  /// Types whose values follow from their bytes alone; the others look them up in large grids.
  private static let readTypes: Set = [
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
    "IQ4_XS", "MXFP4", "NVFP4", "TQ1_0", "TQ2_0",
  ]
}
