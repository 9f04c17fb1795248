// Two checkpoints side by side: what became of every tensor, and how that is told.
import Checkpoints
import OrderedJSON
import Safetensors
import Storage

/// What became of one tensor from the first checkpoint to the second.
enum TensorResult: Equatable, Sendable {
  case same
  case changed(ValueDifference)
  /// One shape, two types.
  case retyped(DType, DType, ValueDifference)
  /// Two shapes, and perhaps two types.
  case reshaped(DType, [Int], DType, [Int])
  case onlyInFirst
  case onlyInSecond
}

/// The comparison of two checkpoints.
struct CheckpointDifference: Equatable, Sendable {
  struct Row: Equatable, Sendable {
    var name: String
    var result: TensorResult
  }

  /// In the first one's order, then those that only the second has.
  var rows: [Row] = []
  /// True where both have a config.json and their bytes differ. It does not make them different:
  /// only tensors do.
  var configDiffers = false

  var isSame: Bool { rows.allSatisfy { $0.result == .same } }

  /// Compares all tensors; `progress` takes the bytes read so far and those to be read.
  static func compare(
    _ first: Checkpoint, _ second: Checkpoint, progress: (Int64, Int64) -> Void
  ) throws(StorageError) -> CheckpointDifference {
    var difference = CheckpointDifference()
    var total: Int64 = 0
    for a in first.tensors {
      guard let b = second.tensor(a.name), a.shape == b.shape else { continue }
      total += a.byteCount + b.byteCount
    }
    var done: Int64 = 0
    progress(done, total)
    let comparison = TensorComparison()
    for a in first.tensors {
      guard let b = second.tensor(a.name) else {
        difference.rows.append(Row(name: a.name, result: .onlyInFirst))
        continue
      }
      guard a.shape == b.shape else {
        let result = TensorResult.reshaped(a.dtype, a.shape, b.dtype, b.shape)
        difference.rows.append(Row(name: a.name, result: result))
        continue
      }
      let (one, other) = (first.shards[a.shard], second.shards[b.shard])
      let values = try comparison.compare(
        .init(dtype: a.dtype, offset: a.fileOffset, views: one.views), in: File.open(one.path),
        .init(dtype: b.dtype, offset: b.fileOffset, views: other.views), in: File.open(other.path),
        elementCount: a.shape.reduce(1, *)
      ) { byteCount in
        done += byteCount
        progress(done, total)
      }
      let result: TensorResult =
        a.dtype != b.dtype
        ? .retyped(a.dtype, b.dtype, values)
        : values.differingCount == 0 ? .same : .changed(values)
      difference.rows.append(Row(name: a.name, result: result))
    }
    for b in second.tensors where first.tensor(b.name) == nil {
      difference.rows.append(Row(name: b.name, result: .onlyInSecond))
    }
    if let a = first.configBytes, let b = second.configBytes { difference.configDiffers = a != b }
    return difference
  }

  // MARK: Telling

  func count(_ isCounted: (TensorResult) -> Bool) -> Int { rows.count { isCounted($0.result) } }

  /// How often each kind of result came.
  var counts: (same: Int, changed: Int, other: Int, onlyInFirst: Int, onlyInSecond: Int) {
    (
      count { $0 == .same }, count { if case .changed = $0 { true } else { false } },
      count {
        switch $0 {
        case .retyped, .reshaped: true
        default: false
        }
      }, count { $0 == .onlyInFirst }, count { $0 == .onlyInSecond }
    )
  }
}
