// Steps for modules of families other than LoRA: the reader's updates laid on their weights.
import Adapters
import Checkpoints
import Safetensors

extension AdapterResolver {
  /// The steps of one module. A bias that the base lacks is no step: there is nothing to change.
  func steps(
    for module: FamilyUpdates, _ naming: Naming, largest: WeightShape
  ) throws(PlanningError) -> [Step] {
    guard let place = locate(module.path, naming) else { return [] }
    guard case .tensor(let weight) = place else {
      throw .unresolved(
        adapter: adapter.path, modules: [module.path], count: 1, total: 1, nearest: [])
    }
    try checkRows(of: module.path, weight)
    var steps: [Step] = []
    for update in module.updates {
      switch update.target {
      case .weight: steps.append(step(update, module.path, on: weight, largest))
      case .bias:
        let name = bias(of: weight)
        if base.tensor(name) != nil {
          steps.append(
            step(
              update, module.path, on: name, largest, beside: update.readsWeight ? weight : nil))
        } else if update.needsTarget {
          throw .missingBias(adapter: adapter.path, module: module.path, wanted: name)
        }
      }
    }
    return steps
  }

  /// `beside` is the weight that an update of a bias reads, as the base has it.
  private func step(
    _ update: WeightUpdate, _ module: String, on name: String, _ largest: WeightShape,
    beside weight: String? = nil
  ) -> Step {
    let strength = self.strength(of: module)
    return Step(target: name) { draft throws(PlanningError) in
      let isTransposed = try self.isTransposed(update, module, draft)
      if draft.shape.count > 2 { draft.columns = draft.elementCount / max(1, draft.shape[0]) }
      var operands = update.operands.map { role, tensor in
        Operand(role: role, tensor: self.bytes(tensor), shape: tensor.shape)
      }
      if let weight, let tensor = self.base.tensor(weight) {
        guard self.base.checkpoint.quantized[weight] == nil else {
          throw .readsQuantized(adapter: self.adapter.path, target: weight)
        }
        operands.append(
          Operand(
            role: self.base.isTransposedLinear(module) ? "transposedWeight" : "weight",
            tensor: self.base.bytes(tensor), shape: tensor.shape))
      }
      try draft.append(
        Update(
          window: draft.wholeWindow,
          rule: .weight(
            WeightRule(
              name: update.rule, operands: operands,
              numbers: self.numbers(update, draft, largest).sorted { $0.key < $1.key }.map {
                ($0.key, $0.value)
              },
              isTransposed: isTransposed, rowsTogether: update.rowsTogether,
              strength: strength.value)),
          adapter: self.index,
          tensorNames: update.tensorNames,
          origin: update.origin), strength, by: self.adapter.path)
    }
  }

  /// Rows and columns of the largest weight of all modules, each on its own.
  func largest(_ naming: Naming) -> WeightShape {
    adapter.families.reduce(into: WeightShape(rows: 0, columns: 0)) { largest, module in
      guard case .tensor(let name)? = locate(module.path, naming),
        let shape = base.tensor(name)?.shape, shape.count == 2
      else { return }
      let isTransposed = base.isTransposedLinear(module.path)
      largest.rows = max(largest.rows, shape[isTransposed ? 1 : 0])
      largest.columns = max(largest.columns, shape[isTransposed ? 0 : 1])
    }
  }

  /// The rule's numbers, and how many taps the kernel of a convolution has.
  private func numbers(
    _ update: WeightUpdate, _ draft: TensorDraft, _ largest: WeightShape
  ) -> [String: Double] {
    var numbers = update.numbers
    if draft.shape.count > 2 {
      numbers["kernel"] = Double(draft.shape.dropFirst(2).reduce(1, *))
    }
    if update.needsLargest {
      numbers["rowsMax"] = Double(largest.rows)
      numbers["columnsMax"] = Double(largest.columns)
    }
    return numbers
  }

  /// Whether the base stores the weight as (in, out). Shapes decide, then the base's kind.
  private func isTransposed(
    _ update: WeightUpdate, _ module: String, _ draft: TensorDraft
  ) throws(PlanningError) -> Bool {
    let shape = draft.shape
    let fits = update.fits(WeightShape(shape))
    guard shape.count == 2, !update.isStored else {
      if fits { return false }
      throw misfit(update, draft)
    }
    let fitsTransposed = update.fits(WeightShape(rows: shape[1], columns: shape[0]))
    switch (fits, fitsTransposed) {
    case (false, false): throw misfit(update, draft)
    case (true, false): return false
    case (false, true):
      guard !base.isGGUF, base.modelType == nil || base.isTransposedLinear(module) else {
        throw misfit(update, draft)
      }
      return true
    case (true, true): return try isTransposedByKind(module, draft)
    }
  }

  private func misfit(_ update: WeightUpdate, _ draft: TensorDraft) -> PlanningError {
    .shape(
      adapter: adapter.path, tensor: update.operands.first?.tensor.name ?? update.rule,
      target: draft.name, expected: draft.shape, found: "it is for a weight of \(update.expected)")
  }
}
