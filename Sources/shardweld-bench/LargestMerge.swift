// `shardweld-bench plan DIR --merge-largest`: one worker merges a tensor of 21.5 GB. The base is
// sparse but for a few rows, the adapter is real; the output is not sparse and takes 21.5 GB of
// disk until it has been looked at.
import Adapters
import Checkpoints
import Glibc
import Safetensors
import Storage
import TestSupport

struct LargestMerge {
  private static let shape = MixtureShape.trillion
  private static let rank = 16
  private static let name = MixtureShape.table + ".weight"
  /// The first and last row, those around element 2³² (byte 2³³ of the tensor), and one behind
  /// element 2³³.
  private static let rows = [0, 104_857, 104_858, 209_716, 262_143]

  private let folder: String
  private var base: String { Path.join(folder, "base") }
  private var adapter: String { Path.join(folder, "adapter") }
  private var output: String { Path.join(folder, "output") }

  /// Makes the inputs, merges, looks at rows of the result and removes everything.
  static func run(_ program: String, in folder: String) throws {
    let merge = LargestMerge(folder: Path.join(folder, "largest"))
    try Folder.removeTree(merge.folder)
    defer { do throws(StorageError) { try Folder.removeTree(merge.folder) } catch {} }
    try merge.make()
    let before = Usage.childCPUSeconds
    let run = try ChildProcess.run(
      [
        program, "merge", "--base", merge.base, "--adapter", merge.adapter, "--output",
        merge.output, "--workers", "1", "--verify", "none", "--progress", "none",
      ], log: Path.join(folder, "log"))
    print(
      "merge of 21.5 GB: \(RaceTable.seconds(run.milliseconds)), "
        + "\(RaceTable.seconds((Usage.childCPUSeconds - before) * 1000)) of CPU; peak of the "
        + "worker \(run.childPeakByteCount / 1_000_000) MB (goal 256 MB), of the coordinator "
        + "\(run.peakByteCount / 1_000_000) MB")
    let wrong = try merge.wrongElements()
    guard wrong == 0 else {
      throw ChildProcess.Failed(description: "\(wrong) elements of the rows looked at are wrong")
    }
    print("  rows \(rows.map { "\($0)" }.joined(separator: ", ")) are right, bit for bit")
  }

  private func make() throws {
    try ModelFolder.makeBase(
      [[(Self.name, .bf16, [Self.shape.vocabulary, Self.shape.layerEmbeddings])]],
      config: Self.shape.config, in: base, SparseFolder.write)
    try ModelFolder.makeAdapter(
      Self.shape.tableAdapter(rank: Self.rank), config: Self.shape.adapterConfig(rank: Self.rank),
      in: adapter, SparseFolder.write)
    var generator = SeededGenerator(seed: 1)
    let header = try Checkpoint.open(base)
    let table = header.tensor(Self.name)!
    let weights = try File.openForUpdate(header.shards[0].path)
    for row in Self.rows {
      try weights.write(
        unsafe Self.draw(Self.shape.layerEmbeddings, &generator).span.bytes,
        at: Self.offset(of: row, in: table))
    }
    try weights.close()
    let pairs = try Adapter.open(adapter)
    let factors = try File.openForUpdate(pairs.files[0].path)
    for tensor in [pairs.modules[0].a, pairs.modules[0].b] {
      try factors.write(
        unsafe Self.draw(tensor.shape.reduce(1, *), &generator).span.bytes, at: tensor.offset)
    }
    try factors.close()
  }

  /// How many elements of the rows differ from W0 + s·Σ A[k, row]·B[column, k], summed in order of
  /// k with fused multiply-adds and rounded as contract `f32-once` has it.
  private func wrongElements() throws -> Int {
    let pair = try Adapter.open(adapter)
    let (a, b) = (pair.modules[0].a, pair.modules[0].b)
    let factors = try File.open(pair.files[0].path)
    let left = try Self.read(a.shape.reduce(1, *), of: factors, at: a.offset)
    let right = try Self.read(b.shape.reduce(1, *), of: factors, at: b.offset)
    var wrong = 0
    for row in Self.rows {
      let (before, after) = (try self.row(row, of: base), try self.row(row, of: output))
      for column in 0..<Self.shape.layerEmbeddings {
        var sum: Float = 0
        for k in 0..<Self.rank {
          sum.addProduct(
            Self.value(left[k * Self.shape.vocabulary + row]),
            Self.value(right[column * Self.rank + k]))
        }
        // alpha is twice the rank.
        let merged = Self.value(before[column]) + 2 * sum
        if SampleTensor.bf16(merged) != after[column] { wrong += 1 }
      }
    }
    return wrong
  }

  private func row(_ row: Int, of folder: String) throws -> [UInt16] {
    let checkpoint = try Checkpoint.open(folder)
    let table = checkpoint.tensor(Self.name)!
    let file = try File.open(checkpoint.shards[table.shard].path)
    return try Self.read(
      Self.shape.layerEmbeddings, of: file, at: Self.offset(of: row, in: table))
  }

  private static func offset(of row: Int, in table: BaseTensor) -> Int64 {
    table.fileOffset + Int64(row) * Int64(2 * shape.layerEmbeddings)
  }

  private static func read(
    _ count: Int, of file: borrowing File, at offset: Int64
  ) throws -> [UInt16] {
    let bytes = try file.read(count: 2 * count, at: offset)
    return (0..<count).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
  }

  /// bf16 of both signs, from 2⁻⁶ up to 2⁻⁵.
  private static func draw(_ count: Int, _ generator: inout SeededGenerator) -> [UInt16] {
    (0..<count).map { _ in
      let word = UInt16(truncatingIfNeeded: generator.next())
      return word & 0x8000 | 0x3C80 | word & 0x7F
    }
  }

  private static func value(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}
