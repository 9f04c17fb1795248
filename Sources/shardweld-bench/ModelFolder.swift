// The folders of made models, whatever their tensors are filled with.
//
//   base/{config.json, model-00001-of-00200.safetensors, …, model.safetensors.index.json}
//   adapter/{adapter_config.json, adapter_model.safetensors}
import OrderedJSON
import Storage

enum ModelFolder {
  /// Writes a file of tensors; gives their bytes without the header's.
  typealias Write = (_ tensors: [ModelShape.Tensor], _ path: String) throws -> Int

  /// Writes a base; a tensor has the name of the last of these shards that holds it.
  static func makeBase(
    _ shards: [[ModelShape.Tensor]], config: JSON, in folder: String, _ write: Write
  ) throws {
    try Folder.create(folder)
    var map: [JSON.Member] = []
    var total = 0
    for (index, tensors) in shards.enumerated() {
      let name = "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
      total += try write(tensors, Path.join(folder, name))
      map += tensors.map { JSON.Member(key: $0.name, value: .string(name)) }
    }
    let index = JSON.object([
      JSON.Member(
        key: "metadata",
        value: .object([JSON.Member(key: "total_size", value: .integer(total))])),
      JSON.Member(key: "weight_map", value: .object(map)),
    ])
    try self.write(index, to: Path.join(folder, "model.safetensors.index.json"))
    try self.write(config, to: Path.join(folder, "config.json"))
  }

  static func makeAdapter(
    _ tensors: [ModelShape.Tensor], config: JSON, in folder: String, _ write: Write
  ) throws {
    try Folder.create(folder)
    _ = try write(tensors, Path.join(folder, "adapter_model.safetensors"))
    try self.write(config, to: Path.join(folder, "adapter_config.json"))
  }

  /// adapter_config.json as PEFT writes it, but for the keys that are off.
  static func adapterConfig(rank: Int, alpha: Int, targets: [String]) -> JSON {
    .object([
      JSON.Member(key: "bias", value: .string("none")),
      JSON.Member(key: "fan_in_fan_out", value: .bool(false)),
      JSON.Member(key: "lora_alpha", value: .integer(alpha)),
      JSON.Member(key: "peft_type", value: .string("LORA")),
      JSON.Member(key: "r", value: .integer(rank)),
      JSON.Member(key: "target_modules", value: .array(targets.map(JSON.string))),
      JSON.Member(key: "task_type", value: .string("CAUSAL_LM")),
      JSON.Member(key: "use_dora", value: .bool(false)),
      JSON.Member(key: "use_rslora", value: .bool(false)),
    ])
  }

  private static func write(_ json: JSON, to path: String) throws {
    try WholeFile.write(Array(json.indented.utf8), to: path)
  }

  private static func padded(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
  }
}
