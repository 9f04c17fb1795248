// A base and an adapter as files of another library's making, merged for real: what comes out is
// compared with values that a test computes by itself.
import Adapters
import Checkpoints
import Foundation
import Merging
import OrderedJSON
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

/// Matrices of a test's own, row by row.
struct Grid: Equatable {
  var rows: Int
  var columns: Int
  var values: [Double]

  init(_ rows: Int, _ columns: Int, _ values: [Double]) {
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  /// Random numbers that Float32 holds.
  init(_ rows: Int, _ columns: Int, from random: inout SeededGenerator) {
    self.init(
      rows, columns, (0..<rows * columns).map { _ in Double(Float(random.normal() * 0.5)) })
  }

  subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  var transposed: Grid {
    Grid(columns, rows, (0..<columns).flatMap { j in (0..<rows).map { self[$0, j] } })
  }

  static func * (a: Grid, b: Grid) -> Grid {
    var product = Grid(a.rows, b.columns, Array(repeating: 0, count: a.rows * b.columns))
    for i in 0..<a.rows {
      for j in 0..<b.columns {
        product[i, j] = (0..<a.columns).reduce(0) { $0 + a[i, $1] * b[$1, j] }
      }
    }
    return product
  }

  static func * (scale: Double, a: Grid) -> Grid {
    Grid(a.rows, a.columns, a.values.map { scale * $0 })
  }

  static func + (a: Grid, b: Grid) -> Grid {
    Grid(a.rows, a.columns, zip(a.values, b.values).map { $0 + $1 })
  }
}

/// A scratch folder with a base and an adapter of F32.
final class FormatBench {
  let scratch = Scratch()
  var random = SeededGenerator(seed: 7)
  private(set) var base: [(name: String, shape: [Int], grid: Grid)] = []
  private(set) var adapter: [SampleTensor] = []
  var baseFolder = "base"
  var baseFile = "model.safetensors"

  /// Adds a base tensor of random numbers, seen as rows × everything else.
  @discardableResult func weight(_ name: String, _ shape: [Int]) -> Grid {
    let grid = Grid(shape[0], shape.dropFirst().reduce(1, *), from: &random)
    base.append((name, shape, grid))
    return grid
  }

  /// Adds an adapter's tensor of random numbers, or of these.
  @discardableResult func factor(_ name: String, _ shape: [Int], _ values: [Double]? = nil) -> Grid
  {
    let columns = shape.dropFirst().reduce(1, *)
    var grid = Grid(shape.first ?? 1, columns, from: &random)
    if let values { grid.values = values }
    adapter.append(SampleTensor(name, .f32, shape, grid.values))
    return grid
  }

  func writeBase(_ config: String? = #"{"model_type": "llama"}"#) throws {
    try scratch.write(
      "\(baseFolder)/\(baseFile)",
      base.map { SampleTensor($0.name, .f32, $0.shape, $0.grid.values) })
    if let config { try scratch.write("\(baseFolder)/config.json", config) }
  }

  func plan(_ adapter: String, strength: Double = 1) throws -> MergePlan {
    try Planner.plan(
      try Checkpoint.open(scratch(baseFolder)),
      adapters: [(adapter: try Adapter.open(scratch(adapter)), strength: strength)],
      options: MergeOptions())
  }

  /// The refusal's sentence with the scratch folder cut out of it.
  func refusal(_ adapter: String) -> String? {
    do {
      _ = try plan(adapter)
      return nil
    } catch {
      let sentence =
        (error as? PlanningError)?.sentence ?? (error as? AdapterError)?.sentence
        ?? (error as? CheckpointError)?.sentence ?? "\(error)"
      return sentence.replacing(scratch.path + "/", with: "")
    }
  }

  /// The merged values of every tensor.
  func merged(_ adapter: String, strength: Double = 1) throws -> [String: [Double]] {
    let plan = try plan(adapter, strength: strength)
    var values: [String: [Double]] = [:]
    for job in plan.jobs {
      let path = scratch("out\(job.id).safetensors")
      _ = try ShardMerge(
        slice: JobSlice(job: job, inputs: plan.inputs, options: plan.options), threads: 1,
        memoryByteCount: 1 << 20
      ).run(to: path) { _ in true }
      let header = try ShardHeader.read(path)
      let bytes = try WholeFile.read(path)
      for tensor in header.tensors {
        let start = Int(header.headerByteCount + tensor.byteRange.lowerBound)
        values[tensor.name] = (0..<Int(tensor.byteCount) / 4).map { index in
          let word = (0..<4).reduce(UInt32(0)) { word, place in
            word | UInt32(bytes[start + index * 4 + place]) << (8 * place)
          }
          return Double(Float(bitPattern: word))
        }
      }
      try Folder.removeTree(path)
    }
    return values
  }

  /// Records an issue where merged values are not these, but for rounding to Float32.
  static func expect(
    _ found: [Double]?, _ expected: Grid, _ location: SourceLocation = #_sourceLocation
  ) {
    guard let found, found.count == expected.values.count else {
      let count = found?.count ?? -1
      Issue.record("\(count) values, not \(expected.values.count)", sourceLocation: location)
      return
    }
    let far = zip(found, expected.values).map { abs($0 - $1) }.max() ?? 0
    let size = expected.values.map(abs).max() ?? 0
    #expect(far <= 1e-6 * max(1, size), sourceLocation: location)
  }
}
