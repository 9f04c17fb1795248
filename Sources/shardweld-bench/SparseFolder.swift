// Checkpoints and adapters of which only the headers are there: the files have their true sizes and
// take no room, since nobody has written to their tensors. All that planning reads is real.
//
//   DIR/base/{config.json, model-00001-of-00200.safetensors, …, model.safetensors.index.json}
//   DIR/adapter/{adapter_config.json, adapter_model.safetensors}
import OrderedJSON
import Safetensors
import Storage

enum SparseFolder {
  /// Writes a base; a tensor has the name of the last of these shards that holds it.
  static func makeBase(
    _ shards: [[ModelShape.Tensor]], config: JSON, in folder: String
  ) throws {
    try Folder.create(folder)
    var map: [JSON.Member] = []
    var total = 0
    for (index, tensors) in shards.enumerated() {
      let name = "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
      total += try write(tensors, to: Path.join(folder, name))
      map += tensors.map { JSON.Member(key: $0.name, value: .string(name)) }
    }
    let index = JSON.object([
      JSON.Member(
        key: "metadata",
        value: .object([JSON.Member(key: "total_size", value: .integer(total))])),
      JSON.Member(key: "weight_map", value: .object(map)),
    ])
    try write(index, to: Path.join(folder, "model.safetensors.index.json"))
    try write(config, to: Path.join(folder, "config.json"))
  }

  static func makeAdapter(
    _ tensors: [ModelShape.Tensor], config: JSON, in folder: String
  ) throws {
    try Folder.create(folder)
    _ = try write(tensors, to: Path.join(folder, "adapter_model.safetensors"))
    try write(config, to: Path.join(folder, "adapter_config.json"))
  }

  /// Writes a file's header and its last byte; gives the bytes of its tensors.
  private static func write(_ tensors: [ModelShape.Tensor], to path: String) throws -> Int {
    let header = ShardLayout.header(tensors)
    let byteCount = tensors.reduce(0) { $0 + $1.shape.reduce($1.dtype.byteCount, *) }
    let file = try File.create(path)
    try file.write(header, at: 0)
    if byteCount > 0 { try file.write([0], at: Int64(header.count + byteCount - 1)) }
    try file.close()
    return byteCount
  }

  private static func write(_ json: JSON, to path: String) throws {
    try WholeFile.write(Array(json.indented.utf8), to: path)
  }

  private static func padded(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
  }
}
