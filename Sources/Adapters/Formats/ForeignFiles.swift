// Files that are known and not read, each with the way to one that is:
//
//   lit_model.pth.lora                                      LitGPT: a pickle
//   iter_0000100/__0_0.distcp                               Megatron: shards of many processes
//   decoder.layers.0.….linear_qkv.adapter.linear_in.weight  Megatron's names: no alpha beside them
//
// Source: litgpt `scripts/merge_lora.py`, Megatron-Bridge `peft/utils.py`.

enum ForeignFiles: CaseIterable {
  case litGPT, megatron

  /// By the names of files in a folder, or of the file that was given.
  init?(files: [String]) {
    if files.contains(where: { $0.hasSuffix(".pth.lora") }) {
      self = .litGPT
    } else if files.contains(where: { $0.hasSuffix(".distcp") }) {
      self = .megatron
    } else {
      return nil
    }
  }

  /// By the names of tensors.
  init?(tensors: some Sequence<String>) {
    for name in tensors {
      // Every name of every adapter comes here: its ends are looked at before it is taken apart.
      if name.hasSuffix(".linear_in.weight") || name.hasSuffix(".linear_out.weight"),
        name.split(separator: ".").dropLast(2).last.map({ $0.contains("adapter") }) == true
      {
        self = .megatron
        return
      }
      if name.hasPrefix("transformer.h."), name.hasSuffix(".lora_A") || name.hasSuffix(".lora_B") {
        self = .litGPT
        return
      }
    }
    return nil
  }

  func refusal(of path: String) -> AdapterError {
    switch self {
    case .litGPT:
      .foreign(
        path: path, writer: "LitGPT",
        instead: "merge it with litgpt merge_lora and give the model to litgpt convert_from_litgpt")
    case .megatron:
      .foreign(
        path: path, writer: "Megatron-Bridge or NeMo",
        instead: "export it as a PEFT adapter, with Megatron-Bridge's export_adapter.py")
    }
  }
}
