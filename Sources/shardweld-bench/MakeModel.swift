// `shardweld-bench make`: a checkpoint with seeded random weights and adapters of several ranks.
//
//   DIR/base/{config.json, model-0000k-of-0000n.safetensors, model.safetensors.index.json}
//   DIR/adapter-r16, …/{adapter_config.json, adapter_model.safetensors}
import OrderedJSON
import Safetensors
import Storage
import TestSupport

struct MakeModel {
  static let subcommand = Subcommand(
    name: "make", usage: "make DIR [--size start|tiny|soak|S|M|L] [--seed S]", run: run)

  /// Elements written at once.
  private static let blockElementCount = 1 << 20

  private let shape: ModelShape
  private var generator: SeededGenerator
  /// Normal numbers to draw from: far faster than to make each anew, and as good for timing.
  private let numbers: [Float]

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let shape = ModelShape.named[words.text("size") ?? "S"] else { throw Words.Misused() }
    let seed = try words.number("seed") ?? 1
    let folder = try words.take(1)[0]
    try words.end()
    if try FileStatus.of(folder) != nil { return 0 }  // made once, whole: it got its name last
    let growing = folder + ".part"
    try Folder.removeTree(growing)
    var maker = MakeModel(shape, seed: seed)
    try maker.make(in: growing)
    try Folder.move(from: growing, to: folder)
    print("made \(folder)")
    return 0
  }

  private init(_ shape: ModelShape, seed: UInt64) {
    self.shape = shape
    var generator = SeededGenerator(seed: seed)
    numbers = (0..<1 << 16).map { _ in Float(generator.normal() * 0.02) }
    self.generator = generator
  }

  private mutating func make(in folder: String) throws {
    let base = Path.join(folder, "base")
    try Folder.create(base)
    let shards = shape.shards
    var map: [JSON.Member] = []
    var total = 0
    for (index, tensors) in shards.enumerated() {
      let name = "model-\(Self.padded(index + 1))-of-\(Self.padded(shards.count)).safetensors"
      total += try write(tensors, to: Path.join(base, name))
      map += tensors.map { JSON.Member(key: $0.name, value: .string(name)) }
    }
    let index = JSON.object([
      JSON.Member(
        key: "metadata",
        value: .object([JSON.Member(key: "total_size", value: .integer(total))])),
      JSON.Member(key: "weight_map", value: .object(map)),
    ])
    try write(index, to: Path.join(base, "model.safetensors.index.json"))
    try write(shape.config, to: Path.join(base, "config.json"))
    for rank in shape.ranks {
      let adapter = Path.join(folder, "adapter-r\(rank)")
      try Folder.create(adapter)
      _ = try write(
        shape.adapter(rank: rank), to: Path.join(adapter, "adapter_model.safetensors"))
      try write(shape.adapterConfig(rank: rank), to: Path.join(adapter, "adapter_config.json"))
    }
  }

  /// Writes tensors of random values; gives their bytes without the header's.
  private mutating func write(_ tensors: [ModelShape.Tensor], to path: String) throws -> Int {
    let header = ShardLayout.header(tensors)
    let file = try File.create(path)
    try file.write(header, at: 0)
    var offset = Int64(header.count)
    for tensor in tensors {
      var left = tensor.shape.reduce(1, *)
      while left > 0 {
        let count = min(left, Self.blockElementCount)
        if tensor.dtype == .bf16 {
          let words = draw(count).map { UInt16($0.bitPattern >> 16) }
          try file.write(unsafe words.span.bytes, at: offset)
        } else {
          try file.write(unsafe draw(count).span.bytes, at: offset)
        }
        offset += Int64(count * tensor.dtype.byteCount)
        left -= count
      }
    }
    try file.close()
    return Int(offset) - header.count
  }

  /// The next numbers, four of each random word.
  private mutating func draw(_ count: Int) -> [Float] {
    [Float](capacity: count + 3) { output in
      while output.count < count {
        var word = generator.next()
        for _ in 0..<4 where output.count < count {
          output.append(numbers[Int(word & 0xFFFF)])
          word >>= 16
        }
      }
    }
  }

  private func write(_ json: JSON, to path: String) throws {
    try WholeFile.write(Array(json.indented.utf8), to: path)
  }

  private static func padded(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
  }
}
