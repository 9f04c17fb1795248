// Rows of q_proj and k_proj in Meta's order and in transformers'. A head's rotary pairs lie side by
// side in the one (0, 1), (2, 3), … and half a head apart in the other: row i of half j is Meta's
// row 2i + j. So an update in Meta's order is one update for each half of each head, whose left
// factor takes every second row. Source: torchtune `models/convert_weights.py`, _permute.
import Adapters
import Checkpoints
import OrderedJSON
import Safetensors

extension AdapterResolver {
  /// The product's pieces with the rows of the base that each one is for; the product itself where
  /// its rows lie as the base's do.
  func pieces(
    of product: LowRankProduct, for module: AdapterModule, _ draft: TensorDraft
  ) throws(PlanningError) -> [(product: LowRankProduct, window: Window)] {
    guard module.isRotary, !base.isGGUF, let head = try headRows(module) else {
      let whole = draft.wholeWindow
      return [(product, Window(rows: module.rows ?? whole.rows, columns: whole.columns))]
    }
    try checkHeads(of: product, for: module, head, draft)
    return stride(from: 0, to: product.rows, by: head / 2).map { first in
      var piece = product
      // The half's first row in Meta's order, then every second.
      let start = first / head * head + first % head / (head / 2)
      piece.left.start += start * piece.left.rowStride
      piece.left.rowStride *= 2
      piece.left.rows = head / 2
      return (piece, Window(rows: first..<first + head / 2, columns: draft.wholeWindow.columns))
    }
  }

  /// DoRA of such a pair, whose magnitudes lie in Meta's order too; nil where the rows are the
  /// base's.
  func rotaryRule(
    of product: LowRankProduct, for module: AdapterModule, _ draft: TensorDraft, scale: Double,
    strength: Double
  ) throws(PlanningError) -> Rule? {
    guard module.isRotary, !base.isGGUF, let magnitude = module.magnitude,
      let head = try headRows(module)
    else {
      return nil
    }
    try checkHeads(of: product, for: module, head, draft)
    let operands = [("left", module.b), ("right", module.a), ("magnitude", magnitude)].map {
      Operand(role: $0, tensor: bytes($1), shape: $1.shape)
    }
    return .weight(
      WeightRule(
        name: "rotaryProduct", operands: operands,
        numbers: [("head", Double(head)), ("scale", scale)], isTransposed: false, rowsTogether: 1,
        strength: strength))
  }

  private func checkHeads(
    of product: LowRankProduct, for module: AdapterModule, _ head: Int, _ draft: TensorDraft
  ) throws(PlanningError) {
    guard product.left.tensor.name == module.b.name, product.rows % head == 0, head % 2 == 0
    else {
      throw .shape(
        adapter: adapter.path, tensor: module.b.name, target: draft.name, expected: draft.shape,
        found: "B is \(module.b.shape), for heads of \(head) rows")
    }
  }

  /// How many rows a head has, nil where torchtune's class orders them as transformers' does.
  private func headRows(_ module: AdapterModule) throws(PlanningError) -> Int? {
    let unknown = PlanningError.headOrder(
      adapter: adapter.path, module: module.path, model: base.modelType)
    switch base.modelType {
    case "qwen2", "qwen3": return nil
    case "llama", "mistral", "gemma", "gemma2":
      let config = base.checkpoint.config
      if let head = config?["head_dim"]?.int, head > 0 { return head }
      guard let width = config?["hidden_size"]?.int,
        let heads = config?["num_attention_heads"]?.int, heads > 0, width > 0, width % heads == 0
      else { throw unknown }
      return width / heads
    default: throw unknown
    }
  }
}
