// All output tensors in the base's order, with the adapters' steps laid on them.
import Checkpoints
import Safetensors

struct DraftTable {
  private let base: BaseModel
  /// Only tensors that a step touches have a draft.
  private var drafts: [String: TensorDraft] = [:]
  /// Names the base lacks, in the order in which they came.
  private(set) var added: [String] = []

  init(_ base: BaseModel) { self.base = base }

  subscript(name: String) -> TensorDraft? { drafts[name] }

  /// Does all steps in order; true where a tied embedding had to be untied.
  mutating func apply(_ steps: [Step], tie: EmbeddingTie?) throws(PlanningError) -> Bool {
    drafts.reserveCapacity(min(steps.count, base.checkpoint.tensors.count))
    guard let tie, tie.isBroken(by: steps),
      tie.hasHead || steps.contains(where: { $0.target == tie.head })
    else {
      for step in steps {
        try apply(step, to: step.target, tie)
        if let tie, tie.headExists, step.isShared, step.target == tie.embedding {
          try apply(step, to: tie.head, tie)
        }
      }
      return false
    }
    if base.scalesWhenTied {
      throw .cannotUntie(model: base.modelType ?? "", target: tie.embedding)
    }
    for step in steps {
      try apply(step, to: step.target, tie)
      if step.target == tie.embedding, step.isShared { try apply(step, to: tie.head, tie) }
    }
    // The embedding alone was changed: the head keeps what both were.
    if drafts[tie.head] == nil, !tie.headExists { try begin(tie.head, tie.newHead(tie.head, base)) }
    return true
  }

  /// Makes one update of all that adapters do to a tensor, for every tensor that they touch.
  mutating func combine(
    _ combination: Combination, _ adapters: [String]
  ) throws(PlanningError) {
    if combination.method == .svd, combination.rank == 0 {
      throw .combinationLacks(method: "svd", option: "--combine-rank")
    }
    for name in drafts.keys.sorted() { try combination.combine(&drafts[name]!, adapters) }
  }

  /// One recipe per output tensor, places still to be given.
  func recipes(
    _ output: MergeOptions.OutputDType, _ dequantized: Dequantized, _ requantized: Requantized
  ) -> [TensorRecipe] {
    var recipes: [TensorRecipe] = []
    recipes.reserveCapacity(base.checkpoint.tensors.count + added.count)
    for tensor in base.checkpoint.tensors {
      if let weight = base.checkpoint.quantized.owner(of: tensor.name) {
        if !dequantized.has(weight.name) {
          // Its tensors stay what they are together, whatever type others are given.
          recipes.append(
            requantized.recipe(tensor, of: weight) ?? recipe(stored(tensor), .keep))
        } else if weight.main.name == tensor.name, let plain = base.draft(of: weight.name) {
          recipes.append(recipe(drafts[weight.name] ?? plain, output))
        }
      } else if base.isGGUF {
        // llama.cpp wants vectors, and matrices that nobody quantises, in the types they have.
        let isKept = drafts[tensor.name] == nil || tensor.shape.count < 2
        recipes.append(
          recipe(drafts[tensor.name] ?? stored(tensor), isKept ? .keep : output))
      } else if !(dequantized.isAll && base.checkpoint.quantized.spare.contains(tensor.name)) {
        recipes.append(recipe(drafts[tensor.name] ?? stored(tensor), output))
      }
    }
    for name in added { recipes.append(recipe(drafts[name]!, output)) }
    return recipes
  }

  /// Quantised weights that an adapter changes or replaces, in the base's order.
  var touchedQuantized: [QuantizedWeight] {
    base.checkpoint.quantized.weights.filter { drafts[$0.name] != nil }
  }

  private mutating func apply(
    _ step: Step, to name: String, _ tie: EmbeddingTie?
  ) throws(PlanningError) {
    if drafts.index(forKey: name) == nil {
      try begin(name, step.new?() ?? tie?.newHead(name, base))
    }
    try step.apply(&drafts[name]!)
  }

  private mutating func begin(_ name: String, _ new: TensorDraft?) throws(PlanningError) {
    if let weight = base.checkpoint.quantized[name], !weight.isRead {
      throw .unreadForm(target: name, form: weight.title)
    }
    if let draft = base.draft(of: name) {
      drafts[name] = draft
    } else if let new {
      drafts[name] = new
      added.append(name)
    }
  }

  private func stored(_ tensor: BaseTensor) -> TensorDraft {
    TensorDraft(
      name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, source: base.bytes(tensor))
  }

  private func recipe(
    _ draft: TensorDraft, _ output: MergeOptions.OutputDType
  ) -> TensorRecipe {
    let dtype = draft.dtype.isMergeable ? output.dtype ?? draft.dtype : draft.dtype
    return TensorRecipe(
      name: draft.name, dtype: dtype, shape: draft.shape, columns: max(1, draft.columns), offset: 0,
      source: draft.source, decoding: draft.decoding, updates: draft.updates)
  }
}
