// Tiny inputs on disk and recipes over them.
import Kernels
import Merging
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

/// A base file (0) and an adapter file (1) in a folder of their own, removed at the end.
final class Fixture {
  let folder: String
  var random: SeededGenerator
  var files: [[UInt8]] = [[1, 2, 3], [9]]  // odd starts: nothing in a file is aligned
  var recipes: [TensorRecipe] = []
  var options = MergeOptions()

  init(seed: UInt64 = 1) throws {
    random = SeededGenerator(seed: seed)
    // In memory where that can be had: every merge flushes.
    let root = try FileStatus.of("/dev/shm")?.isFolder == true ? "/dev/shm" : "/tmp"
    folder = "\(root)/merging-tests-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    try Folder.createNew(folder, mode: 0o700)
  }

  deinit {
    do { try Folder.removeTree(folder) } catch { Issue.record(error) }
  }

  var output: String { folder + "/out.safetensors" }
  func path(_ file: Int) -> String { folder + "/\(file).bin" }

  /// Appends a tensor of given numbers to a file.
  func put(_ numbers: [Double], _ dtype: DType, file: Int) -> TensorBytes {
    let offset = Int64(files[file].count)
    for number in numbers { files[file] += Elements.bytes(number, dtype) }
    return TensorBytes(file: file, offset: offset, dtype: dtype, elementCount: numbers.count)
  }

  /// Appends a tensor of random numbers to a file.
  func put(_ count: Int, _ dtype: DType, file: Int = 1) -> TensorBytes {
    put((0..<count).map { _ in .random(in: -1...1, using: &random) }, dtype, file: file)
  }

  /// A new random factor whose elements lie as asked: rows one after the other, or columns.
  func factor(_ rows: Int, _ columns: Int, _ dtype: DType = .f32, transposed: Bool = false)
    -> Factor
  {
    let tensor = put(rows * columns, dtype)
    return Factor(
      file: 1, offset: tensor.offset, dtype: dtype, rowStride: transposed ? 1 : columns,
      columnStride: transposed ? rows : 1)
  }

  func lowRank(
    _ window: Window, rank: Int, scale: Double = 0.3, _ dtype: DType = .f32,
    transposed: Bool = false
  ) -> LowRank {
    LowRank(
      left: factor(window.rows.count, rank, dtype, transposed: transposed),
      right: factor(rank, window.columns.count, dtype, transposed: transposed), rank: rank,
      scale: scale)
  }

  /// Adds a tensor of random base numbers.
  @discardableResult func tensor(
    _ shape: [Int], columns: Int? = nil, _ dtype: DType = .bf16, as output: DType? = nil,
    _ updates: [Update] = []
  ) -> TensorRecipe {
    let source = put(shape.reduce(1, *), dtype, file: 0)
    return tensor(shape, columns: columns, source, as: output, updates)
  }

  /// Adds a BF16 tensor of random base numbers.
  @discardableResult func tensor(
    _ shape: [Int], columns: Int? = nil, _ updates: [Update]
  ) -> TensorRecipe {
    tensor(shape, columns: columns, .bf16, updates)
  }

  /// Adds a tensor that starts from bytes already there.
  @discardableResult func tensor(
    _ shape: [Int], columns: Int? = nil, _ source: TensorBytes, as output: DType? = nil,
    _ updates: [Update] = []
  ) -> TensorRecipe {
    let recipe = TensorRecipe(
      name: "t\(recipes.count)", dtype: output ?? source.dtype, shape: shape,
      columns: columns ?? (shape.count < 2 ? 1 : shape[shape.count - 1]),
      offset: recipes.last.map { $0.offset + $0.byteCount } ?? 0, source: source, updates: updates)
    recipes.append(recipe)
    return recipe
  }

  func update(_ window: Window, _ rule: Rule) -> Update {
    Update(window: window, rule: rule, adapter: 0, tensorNames: [], origin: "")
  }

  /// Writes the files as they are now; the job that uses them.
  func slice() throws -> JobSlice {
    var inputs: [InputFile] = []
    for (index, bytes) in files.enumerated() {
      try WholeFile.write(bytes, to: path(index))
      let status = try #require(try FileStatus.of(path(index)))
      inputs.append(
        InputFile(
          role: index == 0 ? .base : .adapter(0), path: path(index), name: "\(index).bin",
          byteCount: status.byteCount, modified: status.modified, headerDigest: ""))
    }
    let header = expectedHeader
    let byteCount = recipes.reduce(Int64(header.count)) { $0 + $1.byteCount }
    let job = MergeJob(
      id: 0, shardName: "out.safetensors", recipes: recipes, headerByteCount: Int64(header.count),
      byteCount: byteCount)
    return JobSlice(job: job, inputs: inputs, options: options)
  }

  var expectedHeader: [UInt8] {
    ShardLayout.header(recipes.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
  }

  /// Merges with several splits and thread counts and compares every byte and digest with the
  /// reference.
  func expectReference(_ note: String = "", budgets: [TileBudget] = Budgets.all) throws {
    let slice = try slice()
    let tensors = recipes.map { Reference.bytes($0, files, options.accumulation) }
    let expected = expectedHeader + tensors.flatMap { $0 }
    for budget in budgets {
      let merged = try ShardMerge(slice: slice, budget: budget).run(to: output) { _ in true }
      let found = try WholeFile.read(output)
      if found != expected {
        let first = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }
        Issue.record("\(note): byte \(first?.offset ?? -1) with \(budget)")
      }
      #expect(merged.byteCount == Int64(expected.count))
      #expect(merged.digest == .xxh3(expected), "\(note) \(budget)")
      for (index, bytes) in tensors.enumerated() {
        #expect(merged.tensors[index].output == Digest.xxh3(bytes).description, "\(note) \(index)")
        let source = recipes[index].source
        let start = Int(source.offset)
        let read = Array(files[source.file][start..<(start + Int(source.byteCount))])
        #expect(merged.tensors[index].source == Digest.xxh3(read).description, "\(note) \(index)")
      }
      try Folder.removeTree(output)
    }
  }

  /// The error a merge ends with; nothing may be left of its file.
  func failure() throws -> MergingError? {
    try failure(of: slice())
  }

  func failure(of slice: JobSlice) throws -> MergingError? {
    let output = output
    let error = #expect(throws: MergingError.self) {
      try ShardMerge(slice: slice, budget: Budgets.small).run(to: output) { _ in true }
    }
    #expect(try FileStatus.of(output) == nil)
    return error
  }
}

/// Splits of memory that cut tensors in every way.
enum Budgets {
  static let all = [
    TileBudget(threads: 1), TileBudget(threads: 4), small, with(small, threads: 2), tiny,
    with(tiny, threads: 4), middle,
  ]

  static let few = [
    TileBudget(threads: 1), with(small, threads: 2), with(tiny, threads: 4), middle,
  ]

  /// Pieces of rows, ranks in pieces, no factor held.
  static var tiny: TileBudget {
    var budget = TileBudget(threads: 1)
    budget.panelByteCount = 0
    budget.tileByteCount = 256
    budget.blockByteCount = 256
    budget.leftByteCount = 768
    budget.segmentByteCount = 512
    budget.readByteCount = 64
    budget.lineByteCount = 64
    return budget
  }

  /// A few rows a tile, some factors held, none long.
  static var small: TileBudget {
    var budget = TileBudget(threads: 1)
    budget.panelByteCount = 8192
    budget.tileByteCount = 2048
    budget.blockByteCount = 1024
    budget.leftByteCount = 2048
    budget.segmentByteCount = 4096
    budget.readByteCount = 256
    budget.lineByteCount = 128
    return budget
  }

  /// Whole rows in tiles, not in blocks.
  static var middle: TileBudget {
    var budget = TileBudget(threads: 3)
    budget.panelByteCount = 20_000
    budget.tileByteCount = 16_384
    budget.blockByteCount = 512
    budget.leftByteCount = 4096
    budget.segmentByteCount = 4096
    budget.readByteCount = 1024
    budget.lineByteCount = 512
    return budget
  }

  static func with(_ budget: TileBudget, threads: Int) -> TileBudget {
    var budget = budget
    budget.threads = threads
    return budget
  }
}

extension Window {
  static func whole(_ rows: Int, _ columns: Int) -> Window {
    Window(rows: 0..<rows, columns: 0..<columns)
  }
}
