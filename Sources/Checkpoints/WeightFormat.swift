// The containers that weights are read from, and how transformers names their files
// (`transformers/utils/__init__.py`: SAFE_WEIGHTS_NAME and its kin).
import GGUF
import Safetensors
import TorchFiles

/// A container of weights.
struct WeightFormat {
  /// Endings of its files' names.
  var endings: [String]
  /// The one file of a model that is not sharded, as transformers and as diffusers call it; with
  /// `.index.json` behind it, the index of one that is.
  var wholes: [String]
  /// What the names of a model's own shards begin with.
  var shards: String

  static let safetensors = WeightFormat(
    endings: [".safetensors"],
    wholes: ["model.safetensors", "diffusion_pytorch_model.safetensors"], shards: "model-*-of-")
  /// What torch.save writes.
  static let torch = WeightFormat(
    endings: TorchFile.endings, wholes: ["pytorch_model.bin", "diffusion_pytorch_model.bin"],
    shards: "pytorch_model-*-of-")
  /// llama.cpp's; a projector for images beside the model is another model.
  static let gguf = WeightFormat(endings: [GGUFFile.ending], wholes: [], shards: "")
  /// Where several are there, the first is meant, as in transformers.
  static let all = [safetensors, torch, gguf]

  func holds(_ name: String) -> Bool {
    endings.contains { name.hasSuffix($0) } && !Self.isOfTraining(name)
  }

  func isIndex(_ name: String) -> Bool {
    endings.contains { name.hasSuffix($0 + ".index.json") }
  }

  /// The format of a file or an index by its name; nil for any other.
  static func of(_ name: String) -> WeightFormat? {
    all.first { format in
      format.isIndex(name) || format.endings.contains { name.hasSuffix($0) }
    }
  }

  /// What trainers write beside a model with the same endings, and what they write instead of one.
  private static func isOfTraining(_ name: String) -> Bool {
    TorchFile.isName(name)
      && [
        "training_args", "adapter", "optimizer", "scheduler", "scaler", "rng_state",
        "random_states",
      ].contains { name.hasPrefix($0) }
  }

  /// A file's header, read by the reader for its name.
  static func header(_ path: String) throws(CheckpointError) -> ShardHeader {
    guard TorchFile.isName(path) else {
      do { return try ShardHeader.read(path) } catch { throw .shard(error) }
    }
    do { return try TorchFile.read(path) } catch { throw .torchFile(error) }
  }
}
