// Steps for ordinary modules: linear, Conv1D, embedding, convolution, with bias and DoRA.
import Adapters
import Checkpoints
import Safetensors

extension AdapterResolver {
  /// The steps of one module with a low-rank pair: its weight, and its bias where it brings one.
  /// `isTied`: the embedding's pair was trained as the head's too.
  func steps(
    for module: AdapterModule, _ naming: Naming, isTied: Bool
  ) throws(PlanningError) -> [Step] {
    guard let place = locate(module.path, naming) else { return [] }
    let scale = try self.scale(of: module, parameters: 1)
    var steps: [Step]
    switch place {
    case .tensor(let name):
      steps = [weightStep(module, name, scale, isShared: isTied && name == tie?.embedding)]
    case .stacked(let name, let expert):
      var own = module
      let shape = base.tensor(name)!.shape
      own.rows = expert * shape[1]..<(expert + 1) * shape[1]
      steps = [weightStep(own, name, scale, isShared: false)]
    case .slice(let name, let expert, let part):
      steps = [sliceStep(module, name, expert: expert, part: part, scale)]
    case .experts:
      return []
    }
    if let bias = module.bias { steps.append(try biasStep(module, bias, place, scale)) }
    return steps
  }

  /// Rank, alpha and scale by the config, checked against the tensors; `parameters` is how many
  /// experts share the pair.
  func scale(
    of module: AdapterModule, parameters experts: Int, path: String? = nil
  ) throws(PlanningError) -> AdapterConfig.Scale {
    var scale = module.scale ?? self.scale(path ?? module.scalePath)
    if module.repeats > 1 {
      scale.value *= Double(module.repeats)
      scale.origin += ", added \(module.repeats) times as PEFT does"
    }
    let found = module.ranks.a
    guard found == scale.rank * experts else {
      throw .rank(
        adapter: adapter.path, module: module.path, config: scale.rank, origin: scale.rankOrigin,
        found: experts == 1 ? found : found / experts)
    }
    guard module.ranks.b == found else {
      throw .shape(
        adapter: adapter.path, tensor: module.b.name, target: module.a.name,
        expected: module.a.shape, found: "B has shape \(module.b.shape), their ranks differ")
    }
    return scale
  }

  private func weightStep(
    _ module: AdapterModule, _ name: String, _ scale: AdapterConfig.Scale, isShared: Bool
  ) -> Step {
    let strength = self.strength(of: module.path)
    return Step(target: name, isShared: isShared) { draft throws(PlanningError) in
      var (product, axis) = try self.product(module, draft)
      product.left.headRows = try self.alternatingRows(module, product, draft.name)
      if draft.shape.count > 2 { draft.columns = product.columns }
      var names = [module.a.name, module.b.name] + (module.alpha.map { [$0.name] } ?? [])
      var updates: [(rule: Rule, window: Window)] = []
      if let magnitude = module.magnitude {
        try self.checkMagnitude(magnitude, axis, product, draft)
        if draft.changedBy.contains(where: { $0 != self.adapter.path }) {
          throw .doraNotAlone(target: draft.name, adapter: self.adapter.path)
        }
        names.append(magnitude.name)
        let own = try self.rotaryRule(
          of: product, for: module, draft, scale: scale.value, strength: strength.value)
        let rule = Rule.dora(
          self.lowRank(product, scale: scale.value), magnitude: self.bytes(magnitude), axis: axis,
          strength: strength.value)
        let whole = draft.wholeWindow
        updates.append(
          (own ?? rule, Window(rows: module.rows ?? whole.rows, columns: whole.columns)))
      } else {
        updates = try self.pieces(of: product, for: module, draft).map { product, window in
          (.lowRank(self.lowRank(product, scale: scale.value * strength.value)), window)
        }
      }
      for (rule, window) in updates {
        try draft.append(
          Update(
            window: window, rule: rule, adapter: self.index, tensorNames: names,
            origin: scale.origin), strength, by: self.adapter.path)
      }
      if module.magnitude != nil { draft.doraBy = self.adapter.path }
    }
  }

  /// The product in the orientation in which the base stores the weight, and the axis along which
  /// DoRA's magnitudes lie there.
  private func product(
    _ module: AdapterModule, _ draft: TensorDraft
  ) throws(PlanningError) -> (LowRankProduct, Rule.Axis) {
    let product = LowRankProduct(module)
    let shape = draft.shape
    if module.isEmbedding {
      // A is (r, vocabulary), B is (dim, r): the table is (B·A)ᵀ. PEFT has a magnitude for each
      // column, mlx-lm one for each token. Source: lora.Embedding of both, DoRAEmbedding.
      guard shape == [product.columns, product.rows] else { throw misfit(module, draft, product) }
      return (product.transposed, module.isTransposed ? .row : .column)
    }
    if let rows = module.rows {
      guard shape.count > 1, draft.columns == product.columns, rows.count == product.rows,
        rows.upperBound <= draft.rows, draft.rows == module.rowCount ?? draft.rows
      else { throw misfit(module, draft, product) }
      return (product, .row)
    }
    if shape.count > 2 { return (try convolution(module, draft, product), .row) }
    // A kernel of one tap is a matrix, however the pair was saved.
    let taps = module.a.shape.dropFirst(2).reduce(1, *) * module.b.shape.dropFirst(2).reduce(1, *)
    guard taps == 1, shape.count == 2 else { throw misfit(module, draft, product) }
    let fitsPlain = shape == [product.rows, product.columns]
    let fitsTransposed = shape == [product.columns, product.rows]
    switch (fitsPlain, fitsTransposed) {
    case (false, false): throw misfit(module, draft, product)
    case (true, false): return (product, .row)
    case (false, true):
      // No model of a pipeline keeps its weights the other way round.
      guard ![.kohya, .diffusers].contains(adapter.config.format), !base.isGGUF else {
        throw misfit(module, draft, product)
      }
      return (product.transposed, .column)
    case (true, true):
      let isTransposed = try isTransposedByKind(module.path, draft)
      return isTransposed ? (product.transposed, .column) : (product, .row)
    }
  }

  /// A kernel of any number of dimensions is a matrix of out × everything else.
  private func convolution(
    _ module: AdapterModule, _ draft: TensorDraft, _ product: LowRankProduct
  ) throws(PlanningError) -> LowRankProduct {
    let shape = draft.shape
    let taps = Array(repeating: 1, count: shape.count - 2)
    // A pair of matrices is one of kernels of one tap.
    func kernel(_ shape: [Int]) -> [Int] { shape.count == 2 ? shape + taps : shape }
    let (a, b) = (kernel(module.a.shape), kernel(module.b.shape))
    guard a.count == shape.count, b.count == shape.count,
      b.dropFirst(2).allSatisfy({ $0 == 1 }), b[0] == shape[0],
      a.dropFirst(2).elementsEqual(shape.dropFirst(2))
    else { throw misfit(module, draft, product) }
    guard a[1] == shape[1] else {
      throw .groupedConvolution(
        adapter: adapter.path, tensor: module.a.name, target: draft.name)
    }
    return product
  }

  private func misfit(
    _ module: AdapterModule, _ draft: TensorDraft, _ product: LowRankProduct
  ) -> PlanningError {
    .shape(
      adapter: adapter.path, tensor: module.a.name, target: draft.name, expected: draft.shape,
      found: "A is \(module.a.shape) and B is \(module.b.shape)")
  }

  private func checkMagnitude(
    _ magnitude: AdapterTensor, _ axis: Rule.Axis, _ product: LowRankProduct,
    _ draft: TensorDraft
  ) throws(PlanningError) {
    let expected = axis == .row ? product.rows : product.columns
    guard magnitude.shape.reduce(1, *) == expected else {
      throw .shape(
        adapter: adapter.path, tensor: magnitude.name, target: draft.name, expected: draft.shape,
        found: "\(magnitude.shape), but \(expected) magnitudes are needed")
    }
  }

  /// Whether the base stores a weight that fits both ways as (in, out): its kind tells.
  func isTransposedByKind(_ module: String, _ draft: TensorDraft) throws(PlanningError) -> Bool {
    if base.modelType != nil || base.isGGUF { return base.isTransposedLinear(module) }
    guard !adapter.config.fanInFanOut else {
      throw .undecidedOrientation(adapter: adapter.path, module: module, target: draft.name)
    }
    return false
  }

  /// The name of the bias beside a weight.
  func bias(of weight: String) -> String {
    weight.hasSuffix(".weight") ? weight.dropLast(6) + "bias" : weight + ".bias"
  }

  /// bias ← bias + s·b.
  private func biasStep(
    _ module: AdapterModule, _ bias: AdapterTensor, _ place: Place, _ scale: AdapterConfig.Scale
  ) throws(PlanningError) -> Step {
    let name = self.bias(of: place.description)
    guard base.tensor(name) != nil else {
      throw .missingBias(adapter: adapter.path, module: module.path, wanted: name)
    }
    try checkRows(of: module.path, name)
    let strength = self.strength(of: module.path)
    return Step(target: name) { draft throws(PlanningError) in
      guard draft.shape == bias.shape else {
        throw .shape(
          adapter: self.adapter.path, tensor: bias.name, target: name, expected: draft.shape,
          found: "\(bias.shape)")
      }
      try draft.append(
        Update(
          window: draft.wholeWindow,
          rule: .add(self.bytes(bias), scale: scale.value * strength.value), adapter: self.index,
          tensorNames: [bias.name], origin: scale.origin), strength, by: self.adapter.path)
    }
  }
}
