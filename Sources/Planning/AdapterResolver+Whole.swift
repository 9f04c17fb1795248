// Steps that put the adapter's own values in the base's place: saved modules, biases, token rows.
import Adapters
import Checkpoints
import Safetensors

extension AdapterResolver {
  /// A whole tensor: in the base's place, or new where the config announces it.
  func step(for whole: WholeTensor, _ naming: Naming) throws(PlanningError) -> Step {
    let tensor = whole.tensor
    guard let name = locate(whole, naming) else { return try newStep(whole, naming) }
    // A table that was saved along with a resized vocabulary, or from below a wrapper, stands for
    // both sides of a tie; one that was trained as a module of its own for its side alone.
    let isShared =
      name == tie?.embedding && (!whole.isDeclared || adapter.config.ensuresWeightTying)
      && !adapter.wholeTensors.contains { locate($0, naming) == tie?.head }
    let strength = self.strength(of: whole.module)
    return Step(target: name, isShared: isShared) { draft throws(PlanningError) in
      try self.checkConvention(whole, draft)
      try self.checkUnchanged(whole, draft.name)
      guard draft.shape == tensor.shape || self.mayResize(name, draft.shape, tensor.shape) else {
        throw .shape(
          adapter: self.adapter.path, tensor: tensor.name, target: name, expected: draft.shape,
          found: "\(tensor.shape)")
      }
      guard draft.dtype.isMergeable else { throw .dtype(target: name, found: draft.dtype) }
      if strength.value == 1 {
        try draft.replace(with: tensor, bytes: self.bytes(tensor), by: self.adapter.path)
        return
      }
      guard draft.shape == tensor.shape else {
        throw .strengthOnNew(adapter: self.adapter.path, tensor: tensor.name)
      }
      try draft.append(
        Update(
          window: draft.wholeWindow,
          rule: .replace(self.bytes(tensor), strength: strength.value), adapter: self.index,
          tensorNames: [tensor.name], origin: "whole tensor"), strength, by: self.adapter.path
      )
    }
  }

  /// mlx-lm's classes keep a few weights in another form than transformers' do: Conv1D's
  /// transposed, norms that are centred on 0 with 1 added. Source: mlx-lm `models/gpt2.py`,
  /// `qwen3_next.py`, `qwen3_5.py`, sanitize.
  private func checkConvention(
    _ whole: WholeTensor, _ draft: TensorDraft
  ) throws(PlanningError) {
    guard adapter.config.format == .mlx, whole.parameter == "weight" else { return }
    let type = base.modelType ?? ""
    let isShifted =
      (type.hasPrefix("qwen3_next") || type.hasPrefix("qwen3_5")) && draft.shape.count == 1
      && whole.module.hasSuffix("norm")
    guard isShifted || base.isTransposedLinear(whole.module) else { return }
    throw .convention(
      adapter: adapter.path, tensor: whole.tensor.name, target: draft.name,
      what: isShifted ? "with 1 added" : "transposed")
  }

  /// Only tables over the vocabulary may come with another number of rows.
  private func mayResize(_ name: String, _ old: [Int], _ new: [Int]) -> Bool {
    // The vocabulary of a .gguf file stands in its metadata.
    let isTable =
      name == tie?.embedding || name == tie?.head
      || EmbeddingTie.pairs.contains {
        name == $0.embedding + ".weight" || name == $0.head + ".weight"
      }
    return isTable && !base.isGGUF && old.count == 2 && new.count == 2 && old[1] == new[1]
  }

  private func newStep(_ whole: WholeTensor, _ naming: Naming) throws(PlanningError) -> Step {
    let tensor = whole.tensor
    let name = naming.map(whole.module) + "." + whole.parameter
    guard whole.isDeclared else {
      throw .unannounced(adapter: adapter.path, tensor: tensor.name, wanted: name)
    }
    guard strength(of: whole.module).value == 1 else {
      throw .strengthOnNew(adapter: adapter.path, tensor: tensor.name)
    }
    let new = TensorDraft(
      name: name, dtype: base.mainDType, shape: tensor.shape, source: bytes(tensor))
    var step = Step(target: name) { draft throws(PlanningError) in
      try draft.replace(with: tensor, bytes: self.bytes(tensor), by: self.adapter.path)
    }
    step.new = { new }
    return step
  }

  /// Rows of an embedding; both sides of a tie follow. Despite their name in the file the values
  /// are final rows, not differences. Source: PEFT `tuners/trainable_tokens/layer.py`.
  func step(for rows: TokenRows, _ naming: Naming) throws(PlanningError) -> Step {
    guard let place = locate(rows.module, naming), case .tensor(let name) = place else {
      throw .unresolved(
        adapter: adapter.path, modules: [rows.module], count: 1, total: 1, nearest: [])
    }
    let tensor = rows.tensor
    let strength = self.strength(of: rows.module)
    return Step(target: name, isShared: true) { draft throws(PlanningError) in
      guard draft.shape.count == 2, draft.shape[1] == tensor.shape[1] else {
        throw .shape(
          adapter: self.adapter.path, tensor: tensor.name, target: name, expected: draft.shape,
          found: "\(tensor.shape)")
      }
      for row in rows.rows {
        guard row < draft.shape[0] else {
          throw .rowOutside(
            adapter: self.adapter.path, tensor: tensor.name, row: row, rows: draft.shape[0])
        }
        if let other = draft.takenRows.updateValue(self.adapter.path, forKey: row) {
          throw .conflict(
            target: name, first: other, second: self.adapter.path, what: "row \(row)")
        }
      }
      try draft.append(
        Update(
          window: draft.wholeWindow,
          rule: .replaceRows(rows.rows, self.bytes(tensor), strength: strength.value),
          adapter: self.index, tensorNames: [tensor.name],
          origin: "\(rows.rows.count) trained rows"), strength, by: self.adapter.path)
    }
  }
}
