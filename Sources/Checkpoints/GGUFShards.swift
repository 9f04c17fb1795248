// A model in llama.cpp's container as shards of a checkpoint. Plain tensors are what they are;
// tensors of blocks are rows of bytes, and a `QuantizedFormat` gives them their values:
//
//   blk.0.attn_q.weight  Q4_K, 4096 × 4096   →   U8 [4096, 2304]
package import GGUF
package import Safetensors
import Storage

enum GGUFShards {
  /// The model that a folder's files are; refuses what is none.
  static func model(_ folder: String, _ names: [String]) throws(CheckpointError) -> GGUFModel {
    let path = Path.join(folder, names[0])
    let model: GGUFModel
    do { model = try GGUFModel.read(path) } catch { throw .gguf(error) }
    // A folder's files may be counted as other formats count theirs.
    guard model.files.count == names.count else {
      throw .gguf(.set(path: path, .unnamed(count: names.count)))
    }
    if let kind = model["general.type"]?.text, kind != "model" {
      throw .notAModel(path: path, kind: kind)
    }
    return model
  }

  static func header(_ file: GGUFFile) -> ShardHeader {
    ShardHeader(
      path: file.path, fileByteCount: file.fileByteCount, modified: file.modified,
      headerByteCount: 0, digest: file.digest,
      tensors: file.tensors.map { tensor in
        let (dtype, shape) = stored(tensor)
        return TensorEntry(
          name: tensor.name, dtype: dtype, shape: shape,
          byteRange: file.dataOffset + tensor.byteRange.lowerBound..<file.dataOffset
            + tensor.byteRange.upperBound)
      }, metadata: [:])
  }

  private static func stored(_ tensor: GGUFTensor) -> (DType, [Int]) {
    if let dtype = DType(plain: tensor.type) { return (dtype, tensor.shape) }
    // The format has blocks in rows only, so there is a row.
    let columns = tensor.shape.last ?? 1
    return (.u8, tensor.shape.dropLast() + [tensor.type.byteCount(columns: columns)])
  }
}

extension DType {
  /// The element type of ggml's plain types; nil for blocks.
  init?(plain type: GGMLType) {
    // Both spell them alike.
    guard type.isPlain else { return nil }
    self.init(rawValue: type.name)
  }
}

extension GGMLType {
  /// ggml's type of plain elements; nil where it has none.
  package init?(plain dtype: DType) {
    guard let type = Self.all.first(where: { $0.isPlain && DType(plain: $0) == dtype }) else {
      return nil
    }
    self = type
  }
}
