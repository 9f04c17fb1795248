// A way of storing weights in few bits: how its tensors are recognised and which numbers their
// decoding needs. Each format is one file in this folder and one line in `all`; how values come out
// is a decoder in `Merging/Decoding`.
import GGUF
import OrderedJSON
import Safetensors

/// How one format is recognised.
struct QuantizedFormat: Sendable {
  /// The weight that begins with this tensor; nil where it is none of this format.
  var read: @Sendable (StoredTensor) throws(QuantizedFault) -> QuantizedWeight?

  /// The order matters: the first that knows a tensor has it.
  static let all: [QuantizedFormat] = [
    .ggml, .bitsAndBytes4, .bitsAndBytes8, .gptq, .awq, .packedInteger, .packedFloats, .bareFloats,
    .scaledCodes, .expertBlocks, .mlx, .hqq, .torchAO,
  ]
}

/// A stored tensor among all others, as formats look at it.
struct StoredTensor {
  let tensor: BaseTensor
  let base: StoredTensors

  var name: String { tensor.name }
  var config: QuantizationConfig { base.config }

  /// The name without an ending, nil where it does not end so.
  func stem(_ ending: String) -> String? {
    name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : nil
  }

  /// A tensor beside it, nil where there is none.
  func beside(_ name: String) -> BaseTensor? { base.tensor(name) }

  /// A tensor that must be there.
  func companion(_ name: String, _ form: String) throws(QuantizedFault) -> BaseTensor {
    if let tensor = base.tensor(name) { return tensor }
    throw .lacks(tensor: tensor.name, form: form, companion: name)
  }

  /// Those of the names that are there.
  func present(_ names: [String]) -> [String] { names.filter { base.tensor($0) != nil } }

  /// Refuses a tensor of the form that has another shape or type.
  func check(
    _ other: BaseTensor, _ form: String, _ dtypes: [DType], _ shapes: [Int]...
  ) throws(QuantizedFault) {
    guard dtypes.contains(other.dtype), shapes.contains(other.shape) else {
      let types = dtypes.map(\.rawValue).joined(separator: " or ")
      let wanted = shapes.map { "\($0)" }.joined(separator: " or ")
      throw .unfit(
        tensor: other.name, form: form, expected: "\(types) of shape \(wanted)",
        found: "\(other.dtype.rawValue) of shape \(other.shape)")
    }
  }

  func parameter(_ key: String, _ found: String, _ form: String) -> QuantizedFault {
    .parameter(tensor: name, form: form, key: key, found: found)
  }
}

/// All stored tensors of a base, with what is needed to understand them.
struct StoredTensors {
  let config: QuantizationConfig
  let tensors: [BaseTensor]
  /// Metadata of each shard.
  let metadata: [[String: String]]
  /// What ggml's blocks are, by name; those of llama.cpp's files alone.
  let blocks: [String: GGUFTensor]
  private let positions: [String: Int]
  private let files: ShardFiles

  init(
    _ config: QuantizationConfig, _ tensors: [BaseTensor], metadata: [[String: String]],
    files: ShardFiles, blocks: [String: GGUFTensor] = [:]
  ) {
    self.config = config
    self.tensors = tensors
    self.metadata = metadata
    self.blocks = blocks
    self.files = files
    positions =
      config.method == nil && !tensors.contains { $0.dtype.isCode }
      ? [:] : Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  func tensor(_ name: String) -> BaseTensor? { positions[name].map { tensors[$0] } }

  /// The bytes of a tensor that describes another one.
  func description(_ tensor: BaseTensor, _ form: String) throws(QuantizedFault) -> [UInt8] {
    guard tensor.byteCount <= Self.descriptionByteCountMax, let bytes = files.bytes(of: tensor)
    else {
      throw .unfit(
        tensor: tensor.name, form: form, expected: "a readable tensor of a few bytes",
        found: "\(tensor.byteCount) bytes")
    }
    return bytes
  }

  private static let descriptionByteCountMax: Int64 = 1 << 16
}
