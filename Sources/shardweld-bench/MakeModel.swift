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
    try ModelFolder.makeBase(shape.shards, config: shape.config, in: Path.join(folder, "base")) {
      try write($0, to: $1)
    }
    for rank in shape.ranks {
      try ModelFolder.makeAdapter(
        shape.adapter(rank: rank), config: shape.adapterConfig(rank: rank),
        in: Path.join(folder, "adapter-r\(rank)")
      ) { try write($0, to: $1) }
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
}
