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

  func tensor(_ name: String) -> BaseTensor? { checkpoint.tensor(name) }

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
    let transposing = ["gpt2", "openai-gpt", "imagegpt", "decision_transformer", "clvp", "ctrl"]
    guard let modelType, transposing.contains(modelType) else { return false }
    let leaf = module.split(separator: ".").last ?? ""
    return ["c_attn", "c_proj", "c_fc", "q_attn"].contains(leaf)
  }

  /// How the names of its weight files begin: diffusers has its own name for them.
  var weightsName: String {
    let diffusers = "diffusion_pytorch_model"
    return checkpoint.shardNames.contains { $0.hasPrefix(diffusers) } ? diffusers : "model"
  }

  /// The dtype that most of the base's floating-point bytes have: new tensors take it.
  var mainDType: DType {
    var bytes: [DType: Int64] = [:]
    for tensor in checkpoint.tensors where tensor.dtype.isMergeable {
      bytes[tensor.dtype, default: 0] += tensor.byteCount
    }
    return DType.allCases.max { bytes[$0] ?? -1 < bytes[$1] ?? -1 } ?? .f32
  }
}
