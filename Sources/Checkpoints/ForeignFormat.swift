// Weights in layouts and containers that are not read: each recognised by its files' names, each
// with the way that leads from it to a checkpoint that is.

/// A layout or container of weights that is not read.
package enum ForeignFormat: Equatable, Sendable, CaseIterable {
  case meta, mistral, distributed, training, tensorFlow, flax, ggml, onnx, other

  /// The format of a folder's weights by all its names, and the files that show it.
  static func of(_ names: [String]) -> (format: ForeignFormat, files: [String])? {
    for format in allCases {
      let files = names.filter(format.isShown(by:))
      if !files.isEmpty { return (format, files) }
    }
    return nil
  }

  /// The format that a file's name shows.
  static func of(_ name: String) -> ForeignFormat? { of([name])?.format }

  private func isShown(by name: String) -> Bool {
    func ends(_ endings: String...) -> Bool { endings.contains { name.hasSuffix($0) } }
    let isConsolidated = name.hasPrefix("consolidated")
    return switch self {
    case .meta: isConsolidated && ends(".pth", ".pt")
    case .mistral: isConsolidated && ends(".safetensors", ".safetensors.index.json")
    case .distributed: name == ".metadata" || ends(".distcp")
    case .training: ends(".ckpt")
    case .tensorFlow: ends(".h5", ".tflite")
    case .flax: ends(".msgpack")
    case .ggml: ends(".ggml")
    case .onnx: ends(".onnx")
    case .other: ends(".npz", ".ot", ".nemo") || isConsolidated
    }
  }

  /// What it is and what to do.
  var advice: String {
    switch self {
    case .meta:
      "weights in Meta's own layout, with other names and another order of the heads than an "
        + "adapter's base; fetch the model's Hugging Face version, or convert it with "
        + "transformers' convert_llama_weights_to_hf.py"
    case .mistral:
      "weights in Mistral's own layout, with other names and another order of the heads than an "
        + "adapter's base; fetch the model's Hugging Face files, or convert it with "
        + "transformers' convert_mistral_weights_to_hf.py"
    case .distributed:
      "a distributed checkpoint of torch; make one file of it with `python -m "
        + "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER pytorch_model.bin`"
    case .training:
      "a training checkpoint; save the model's state_dict of it as safetensors"
    case .tensorFlow:
      "weights of TensorFlow; fetch the model's safetensors, or load it with from_tf=True in "
        + "transformers 4 and save it anew"
    case .flax:
      "weights of Flax; fetch the model's safetensors, or load it with from_flax=True in "
        + "transformers 4 and save it anew"
    case .ggml:
      "one of llama.cpp's containers before GGUF; convert the model anew with its "
        + "convert_hf_to_gguf.py"
    case .onnx: "a graph of ONNX; give the checkpoint it was exported from"
    case .other:
      "which is neither safetensors nor saved by torch; convert it first, with transformers' "
        + "save_pretrained"
    }
  }
}
