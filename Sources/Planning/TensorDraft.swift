// A recipe in the making: what a tensor starts from and what has been asked of it so far.
import Adapters
import Checkpoints
import Safetensors

/// One output tensor while adapters are still being laid on it.
struct TensorDraft {
  var name: String
  /// Element type it would have in the output without `--dtype`.
  var dtype: DType
  var shape: [Int]
  var columns: Int
  var source: TensorBytes
  /// How the source gives values, where it is a quantised weight's.
  var decoding: Decoding?
  var updates: [Update] = []
  /// How strongly each of them counts; already a part of its rule.
  var strengths: [Double] = []
  /// Adapter that brought its own tensor for this one.
  var replacedBy: String?
  /// Adapter that laid DoRA on it.
  var doraBy: String?
  /// Adapters that changed it, in order.
  var changedBy: [String] = []
  /// Rows already given by an adapter.
  var takenRows: [Int: String] = [:]

  init(name: String, dtype: DType, shape: [Int], source: TensorBytes) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.source = source
    columns = shape.count < 2 ? 1 : shape[shape.count - 1]
  }

  var elementCount: Int { shape.reduce(1, *) }
  var rows: Int { columns == 0 ? 0 : elementCount / columns }
  var wholeWindow: Window { Window(rows: 0..<rows, columns: 0..<columns) }

  /// Appends an update, once it is known that the adapter may change this tensor.
  mutating func append(
    _ update: Update, _ strength: ModuleStrength, by adapter: String
  ) throws(PlanningError) {
    guard dtype.isMergeable else { throw .dtype(target: name, found: dtype) }
    try note(adapter)
    updates.append(update)
    updates[updates.count - 1].origin += strength.note
    strengths.append(strength.value)
  }

  /// Starts from the adapter's own tensor instead of the base's.
  mutating func replace(
    with tensor: AdapterTensor, bytes: TensorBytes, by adapter: String
  ) throws(PlanningError) {
    if let other = replacedBy ?? changedBy.first {
      throw .conflict(target: name, first: other, second: adapter, what: "a whole tensor")
    }
    try note(adapter)
    replacedBy = adapter
    source = bytes
    decoding = nil
    shape = tensor.shape
    columns = shape.count < 2 ? 1 : shape[shape.count - 1]
  }

  private mutating func note(_ adapter: String) throws(PlanningError) {
    if let doraBy, doraBy != adapter { throw .doraNotAlone(target: name, adapter: doraBy) }
    if changedBy.last != adapter { changedBy.append(adapter) }
  }
}

/// Something an adapter does to one tensor.
struct Step {
  /// Name of the base tensor, or of the new one.
  var target: String
  /// Acts on both sides where the target is a tied embedding.
  var isShared = false
  /// For a target the base lacks, and that is no tied head: how its draft begins.
  var new: (() -> TensorDraft)?
  var apply: (inout TensorDraft) throws(PlanningError) -> Void
}
