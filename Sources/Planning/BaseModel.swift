// The base as planning sees it: names, shapes and what its config says about its make-up.
import Checkpoints
import OrderedJSON
import Safetensors

struct BaseModel {
  let checkpoint: Checkpoint
  let modelType: String?
  let architecture: String?

  init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    modelType = checkpoint.config?["model_type"]?.text
    architecture = checkpoint.config?["architectures"]?.elements?.first?.text
  }

  /// A tensor as a plain base would have it: of a quantised weight, its shape and the type that its
  /// values come in. Tensors that only serve such a weight are none.
  func tensor(_ name: String) -> BaseTensor? {
    if let weight = checkpoint.quantized[name] { return plain(weight) }
    guard let tensor = checkpoint.tensor(name), checkpoint.quantized.owner(of: name) == nil else {
      return nil
    }
    return tensor
  }

  /// Its place is that of the stored tensor which a plain one would stand for.
  func plain(_ weight: QuantizedWeight) -> BaseTensor {
    var tensor = weight.main
    (tensor.name, tensor.dtype, tensor.shape) = (weight.name, weight.dtype, weight.shape)
    return tensor
  }

  /// How a tensor's output begins.
  func draft(of name: String) -> TensorDraft? {
    guard let tensor = tensor(name) else { return nil }
    var source = bytes(tensor)
    let weight = checkpoint.quantized[name]
    if let weight { source = bytes(weight.main) }
    var draft = TensorDraft(
      name: name, dtype: tensor.dtype, shape: tensor.shape, source: source)
    draft.decoding = weight.map(decoding)
    // What llama.cpp's own tool writes for blocks that an adapter was laid on.
    if weight != nil, isGGUF { draft.dtype = .f16 }
    return draft
  }

  private func decoding(_ weight: QuantizedWeight) -> Decoding {
    Decoding(
      form: weight.form, title: weight.title, dtype: weight.dtype,
      operands: weight.operands.map {
        Operand(role: $0.role, tensor: bytes($0.tensor), shape: $0.tensor.shape)
      }, numbers: weight.numbers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      isTransposed: weight.isTransposed)
  }

  /// Names that a plain base would have.
  var names: some Sequence<String> {
    checkpoint.tensors.lazy.compactMap { tensor -> String? in
      guard let weight = checkpoint.quantized.owner(of: tensor.name) else { return tensor.name }
      return weight.main.name == tensor.name ? weight.name : nil
    }
  }

  /// The name of a module's parameter, under the base's own container for experts where it differs
  /// from the runtime's (`mlp` at runtime is `block_sparse_moe` on disk for Mixtral's kin).
  func name(_ module: String, _ parameter: String) -> String? {
    let name = module + "." + parameter
    if tensor(name) != nil { return name }
    for container in containers {
      let other = replacing("mlp", by: container, in: name)
      if other != name, tensor(other) != nil { return other }
    }
    return nil
  }

  /// Names that stand for `mlp` in expert models on disk.
  var containers: [String] { ["block_sparse_moe", "ffn", "feed_forward"] }

  /// Exchanges whole segments of a path.
  func replacing(_ segment: String, by other: String, in path: String) -> String {
    path.split(separator: ".", omittingEmptySubsequences: false)
      .map { $0 == segment ? other : String($0) }.joined(separator: ".")
  }

  /// True where a module of this name is transformers' `Conv1D`, which stores (in, out).
  func isTransposedLinear(_ module: String) -> Bool {
    TransposedLinear.isOne(module, modelType: modelType)
  }

  /// True for a model in llama.cpp's container, whose linear layers are all (out, in).
  var isGGUF: Bool { checkpoint.gguf != nil }

  /// The dtype that most of the base's floating-point bytes have: new tensors take it.
  var mainDType: DType {
    var bytes: [DType: Int64] = [:]
    for tensor in checkpoint.tensors where tensor.dtype.isMergeable {
      bytes[tensor.dtype, default: 0] += tensor.byteCount
    }
    return DType.allCases.max { bytes[$0] ?? -1 < bytes[$1] ?? -1 } ?? .f32
  }
}
