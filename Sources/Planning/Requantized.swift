// Which quantised weights of a base go back into the base's own form once adapters have changed
// them, and by which quantiser. Each stored tensor of such a weight gets a recipe that makes the
// merged values and keeps codes or scales; what else is stored beside them (shapes, states, scales
// of activations) and the config stay byte for byte.
import Checkpoints
import GGUF
import OrderedJSON
import Safetensors

struct Requantized {
  private let base: BaseModel
  private var encodings: [String: Encoding] = [:]
  private var drafts: [String: TensorDraft] = [:]

  /// Refuses a form that has no quantiser here, and an update that a form cannot take.
  init(
    _ table: DraftTable, _ base: BaseModel, _ wanted: MergeOptions.Requantize
  ) throws(PlanningError) {
    self.base = base
    if wanted == .none { return }
    if base.checkpoint.quantized.isEmpty { throw .notQuantized(path: base.checkpoint.path, wanted) }
    if wanted.blockType != nil, !base.isGGUF {
      throw .noBlocks(path: base.checkpoint.path, wanted)
    }
    for weight in table.touchedQuantized {
      guard let draft = table[weight.name] else { continue }
      if base.isGGUF {
        try addBlocks(wanted.blockType, weight, draft)
      } else {
        try add(weight, draft)
      }
    }
  }

  /// True where a quantised weight goes back into its form.
  func has(_ name: String) -> Bool { encodings[name] != nil }

  private mutating func add(
    _ weight: QuantizedWeight, _ draft: TensorDraft
  ) throws(PlanningError) {
    func refuse(_ reason: String) -> PlanningError {
      .notRequantized(
        target: weight.name, form: weight.title, reason: reason, advice: "use --dequantize all")
    }
    var draft = draft
    guard draft.decoding != nil, draft.shape == weight.shape else {
      throw refuse("an adapter brings another tensor in its place")
    }
    let form: Quantiser
    do throws(Quantiser.Fault) { form = try Quantiser(weight, base.checkpoint) } catch {
      throw refuse(error.reason)
    }
    if weight.isTransposed {
      guard let turned = Self.turned(draft) else {
        throw refuse("it is stored transposed, where pairs of factors alone can be added")
      }
      draft = turned
    }
    let encoding = Encoding(
      form: form.name, part: .codes, shape: draft.shape, dtype: weight.dtype,
      scaleDType: form.scale.tensor.dtype, numbers: form.numbers)
    guard encoding.rowsTogether <= Self.rowsMax else {
      throw refuse("\(encoding.rowsTogether) rows share a scale, and at most \(Self.rowsMax) can")
    }
    encodings[weight.name] = encoding
    drafts[weight.name] = draft
  }

  /// Blocks hold codes and scales, so that there is one recipe, which has the weight's name.
  private mutating func addBlocks(
    _ wanted: GGMLType?, _ weight: QuantizedWeight, _ draft: TensorDraft
  ) throws(PlanningError) {
    func refuse(_ reason: String, _ advice: String) -> PlanningError {
      .notRequantized(target: weight.name, form: weight.title, reason: reason, advice: advice)
    }
    let own = weight.numbers["type"].flatMap { GGMLType(id: UInt32($0)) }
    guard let type = wanted ?? own, Self.blocks.contains(type) else {
      throw refuse(
        "this tool has no quantiser of this form",
        "name one that it has, such as --requantize q8_0, or leave the option away")
    }
    guard draft.decoding != nil, draft.shape == weight.shape else {
      throw refuse("an adapter brings another tensor in its place", "leave the option away")
    }
    guard draft.columns == weight.shape.last else {
      throw refuse(
        "an adapter takes several of its rows of \(weight.shape.last ?? 0) for one",
        "leave the option away")
    }
    encodings[weight.name] = Encoding(
      form: Encoding.blocks, part: .codes, shape: draft.shape, dtype: weight.dtype,
      scaleDType: .f16, numbers: [("type", Double(type.id))])
    drafts[weight.name] = draft
  }

  /// Types whose quantiser is a fixed rule (`ggml-quants.c`, quantize_row_…_ref).
  private static let blocks = MergeOptions.Requantize.allCases.compactMap(\.blockType)

  /// More rows than this are not held in memory at once.
  private static let rowsMax = 1024

  /// The recipe of a stored tensor of a weight that goes back into its form; nil for tensors that
  /// stay as they are.
  func recipe(_ tensor: BaseTensor, of weight: QuantizedWeight) -> TensorRecipe? {
    guard var encoding = encodings[weight.name], let draft = drafts[weight.name],
      let operand = weight.operands.first(where: { $0.tensor.name == tensor.name }),
      let part = Self.part(operand.role)
    else { return nil }
    encoding.part = part
    var shape = tensor.shape
    if let type = encoding.blockType {
      shape[shape.count - 1] = type.byteCount(columns: draft.columns)
    }
    return TensorRecipe(
      name: tensor.name, dtype: tensor.dtype, shape: shape,
      columns: max(1, draft.columns), offset: 0, source: draft.source, decoding: draft.decoding,
      encoding: encoding, updates: draft.updates)
  }

  /// The part of a form that an operand is; nil where it is the base's own, whatever the values.
  private static func part(_ role: String) -> Encoding.Part? {
    switch role {
    case "codes": .codes
    case "nestedAbsmax": .nestedScales
    case "nestedMap": nil
    default: .scales
    }
  }

  // MARK: Stored transposed

  /// The draft as its weight is stored, where all updates are products: (left · right)ᵀ is
  /// rightᵀ · leftᵀ, summed along the rank in the same order.
  private static func turned(_ draft: TensorDraft) -> TensorDraft? {
    var turned = draft
    let (rows, columns) = (draft.shape[draft.shape.count - 2], draft.columns)
    turned.shape = draft.shape.dropLast(2) + [columns, rows]
    turned.columns = rows
    turned.decoding?.isTransposed = false
    turned.updates = []
    for update in draft.updates {
      guard case .lowRank(let product) = update.rule, product.left.headRows == 0 else { return nil }
      let matrix = update.window.rows.lowerBound / rows
      guard update.window.rows.upperBound <= (matrix + 1) * rows else { return nil }
      var copy = update
      copy.rule = .lowRank(
        LowRank(
          left: product.right.turned, right: product.left.turned, rank: product.rank,
          scale: product.scale))
      let (across, down) = (update.window.columns, update.window.rows)
      copy.window = Window(
        rows: matrix * columns + across.lowerBound..<matrix * columns + across.upperBound,
        columns: down.lowerBound - matrix * rows..<down.upperBound - matrix * rows)
      turned.updates.append(copy)
    }
    return turned
  }
}

extension Factor {
  /// The same matrix, transposed.
  fileprivate var turned: Factor {
    var copy = self
    (copy.rowStride, copy.columnStride) = (columnStride, rowStride)
    return copy
  }
}
