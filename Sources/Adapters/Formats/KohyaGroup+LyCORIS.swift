// LyCORIS's methods, told by the names of their tensors:
//
//   lora_mid.weight (r, r, kernel), dora_scale (out, 1, …) or (1, in, 1, …)       LoCon, DoRA
//   hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b, hada_t1, hada_t2                  LoHa
//   lokr_w1 or lokr_w1_a, lokr_w1_b; the same of w2; lokr_t2                      LoKr
//   oft_blocks (out/b, b, b), or with levels before; rescale (out, 1, …)          Diag-OFT, BOFT
//   weight (out) or (in) or (1, …, 1, 1), on_input ()                             (IA)³
//   a1.weight, a2.weight, b1.weight, b2.weight                                    GLoRA
//   diff, diff_b; w_norm, b_norm                                                  full, norms
//
// Scale is alpha/rank, once: the merge of LyCORIS 4.1.3 multiplies LoHa's and LoKr's by it twice,
// its model's forward pass, which was trained, does not.
// Source: LyCORIS `modules/`.
import Safetensors

extension KohyaGroup {
  /// What LyCORIS does, where there is any of it.
  mutating func takeUpdates() throws(AdapterError) -> FamilyUpdates? {
    var updates = try takeProducts() + takeRotation() + takeFactorsOfActivations() + takeMix()
    if let second = updates.dropFirst(hasPair ? 0 : 1).first {
      // LyCORIS has one method for a module, and would leave the rest unread.
      throw .unknownTensor(path: folder.path, tensor: second.operands[0].tensor.name)
    }
    if !updates.isEmpty {
      if updates[0].alpha == nil { updates[0].alpha = takeAlpha() }
      try takeLengths(&updates[0])
    }
    for (leaf, target) in [
      ("diff", WeightUpdate.Target.weight), ("diff_b", .bias), ("w_norm", .weight),
      ("b_norm", .bias),
    ] {
      guard let value = tensors.removeValue(forKey: leaf) else { continue }
      updates.append(difference(leaf, value, target))
    }
    // No model of a pipeline keeps its weights the other way round.
    for index in updates.indices { updates[index].isStored = true }
    return updates.isEmpty
      ? nil : FamilyUpdates(path: path, updates: updates, component: component)
  }

  // MARK: Products

  /// LoCon where it is more than a pair, LoHa, LoKr.
  private mutating func takeProducts() throws(AdapterError) -> [WeightUpdate] {
    var updates: [WeightUpdate] = []
    if let (down, up) = try takeFactors() { updates.append(try locon(down, up)) }
    for family in [Family.loHa, .loKr] {
      let own = tensors.filter { family.leaves.contains($0.key) }
      guard !own.isEmpty else { continue }
      let module = FamilyModule(
        path: path, config: config, scale: try scale(of: own), tensors: own, shared: [:])
      updates += try family.updates(module)
      for leaf in own.keys { tensors[leaf] = nil }
    }
    // PEFT's way with kernels of one dimension is not LyCORIS's.
    for index in updates.indices { updates[index].numbers["taps"] = nil }
    return updates
  }

  private mutating func locon(
    _ down: AdapterTensor, _ up: AdapterTensor
  ) throws(AdapterError) -> WeightUpdate {
    let (rank, rows) = (down.shape[0], up.shape[0])
    guard up.shape.dropFirst().reduce(1, *) == rank else { throw wrong(up, "[out, \(rank)]") }
    let scale = AdapterConfig.Scale(alpha: try alpha(), rank: rank)
    guard let mid = tensors.removeValue(forKey: "lora_mid.weight") else {
      let columns = down.shape.dropFirst().reduce(1, *)
      let kernel = Array(down.shape.dropFirst(2))
      return WeightUpdate(
        "product", [("left", up), ("right", down)], numbers: ["scale": scale.value],
        origin: scale.origin, expected: "\(rows) × \(columns)"
      ) { $0.rows == rows && $0.columns == columns && $0.hasTaps(kernel) }
    }
    guard mid.shape.count > 2, mid.shape[0] == rank, mid.shape[1] == rank else {
      throw wrong(mid, "[\(rank), \(rank), kernel…]")
    }
    guard down.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      throw wrong(down, "[\(rank), in] beside lora_mid.weight")
    }
    let kernel = Array(mid.shape.dropFirst(2))
    let columns = down.shape[1] * kernel.reduce(1, *)
    return WeightUpdate(
      "tuckerPair", [("up", up), ("down", down), ("mid", mid)], numbers: ["scale": scale.value],
      origin: scale.origin, expected: "\(rows) × \(columns)"
    ) { $0.rows == rows && $0.columns == columns && $0.kernel == kernel }
  }

  /// The rank is that of whichever side is a product; two whole matrices have none and scale 1,
  /// unlike in PEFT. Source: LyCORIS `modules/loha.py`, `modules/lokr.py`.
  private func scale(
    of own: [String: AdapterTensor]
  ) throws(AdapterError) -> AdapterConfig.Scale {
    let alpha = try alpha()
    for leaf in ["hada_w1_b", "lokr_w1_b", "lokr_w2_b"] {
      guard let rank = own[leaf]?.shape.first else { continue }
      return AdapterConfig.Scale(alpha: alpha, rank: rank)
    }
    return AdapterConfig.Scale(
      rank: 1, alpha: 1, value: 1, origin: "whole matrices, scale 1", rankOrigin: "its tensors")
  }

  /// DoRA's lengths, for rows (out, 1, …) or for channels (1, in, 1, …), after the update; every
  /// norm with the smallest step of Float32 at 1 added. Source: LyCORIS `functional/general.py`.
  private mutating func takeLengths(_ update: inout WeightUpdate) throws(AdapterError) {
    let products = ["product", "tuckerPair", "hadamard", "kronecker"]
    guard products.contains(update.rule), let lengths = tensors.removeValue(forKey: "dora_scale")
    else { return }
    let count = lengths.shape.reduce(1, *)
    guard lengths.shape.count > 1, lengths.shape.dropFirst(2).allSatisfy({ $0 == 1 }),
      lengths.shape[0] == 1 || lengths.shape[1] == 1
    else { throw wrong(lengths, "[out, 1, …] or [1, in, 1, …]") }
    let areRows = lengths.shape[0] == count && count > 1
    update.operands.append(("magnitude", lengths))
    update.numbers["floor"] = 0x1p-23
    update.numbers["channels"] = areRows ? 0 : 1
    update.rowsTogether = areRows ? 1 : nil
    update.origin += ", dora"
    let fits = update.fits
    update.fits = { shape in
      fits(shape) && (areRows ? shape.rows : shape.columns / shape.kernel.reduce(1, *)) == count
    }
  }

  // MARK: Rotations, factors, mixtures

  private mutating func takeRotation() throws(AdapterError) -> [WeightUpdate] {
    guard let blocks = tensors.removeValue(forKey: "oft_blocks") else { return [] }
    let (shape, levels) = (blocks.shape, blocks.shape.count - 2)
    guard (1...2).contains(levels), let size = shape.last, shape[levels] == size else {
      throw wrong(blocks, "[blocks, size, size], or with levels before")
    }
    let rows = shape[levels - 1] * size
    guard levels == 1 || (size % 2 == 0 && rows % (size << (shape[0] - 1)) == 0) else {
      throw wrong(blocks, "blocks of even size, as many as the levels need")
    }
    var operands: [(role: String, tensor: AdapterTensor)] = [("blocks", blocks)]
    if let factors = tensors.removeValue(forKey: "rescale") {
      guard factors.shape.reduce(1, *) == rows else { throw wrong(factors, "[\(rows), 1, …]") }
      operands.append(("factors", factors))
    }
    var numbers = ["size": Double(size), "clamps": clampsRotations ? 1.0 : 0]
    let limit = try limit() ?? 0
    if limit > 0 || clampsRotations { numbers["limit"] = limit * Double(rows) }
    var update = WeightUpdate(
      levels == 1 ? "outputRotation" : "outputButterfly", operands, numbers: numbers,
      origin: levels == 1 ? "oft of \(rows / size) blocks" : "boft of \(shape[0]) levels",
      expected: "\(rows) rows"
    ) { $0.rows == rows }
    update.rowsTogether = levels == 1 ? size : nil
    return [update]
  }

  /// (IA)³: what goes out, or in, times 1 and what was trained.
  private mutating func takeFactorsOfActivations() throws(AdapterError) -> [WeightUpdate] {
    guard let flag = tensors.removeValue(forKey: "on_input") else { return [] }
    guard let factors = tensors.removeValue(forKey: "weight") else {
      throw .incomplete(path: folder.path, module: path, has: "on_input", lacks: "weight")
    }
    let isInput = try folder.scalar(flag) != 0
    let count = factors.shape.reduce(1, *)
    guard factors.shape.max() == count else { throw wrong(factors, "a vector") }
    let side = isInput ? "columns" : "rows"
    var update = WeightUpdate(
      isInput ? "scaleColumns" : "scaleRows", [("factors", factors)], numbers: ["offset": 1],
      origin: "ia3 of \(side)", expected: "\(count) \(side)"
    ) { (isInput ? $0.columns / $0.kernel.reduce(1, *) : $0.rows) == count }
    update.alpha = flag
    return [update]
  }

  /// GLoRA: W + scale · (W·a1·a2 + b1·b2).
  private mutating func takeMix() throws(AdapterError) -> [WeightUpdate] {
    guard tensors["a1.weight"] != nil else { return [] }
    let first = try take("a1.weight", beside: "a1.weight")
    let second = try take("a2.weight", beside: "a1.weight")
    let left = try take("b1.weight", beside: "a1.weight")
    let right = try take("b2.weight", beside: "a1.weight")
    let (inputs, rank) = (first.shape[0], second.shape[0])
    for (tensor, rows, columns) in [(first, inputs, rank), (second, rank, inputs)] {
      guard tensor.shape.prefix(2) == [rows, columns], tensor.shape.reduce(1, *) == rows * columns
      else { throw wrong(tensor, "[\(rows), \(columns)]") }
    }
    guard left.shape.dropFirst().reduce(1, *) == right.shape[0], right.shape[1] == inputs else {
      throw wrong(right, "[\(left.shape.dropFirst().reduce(1, *)), \(inputs), …]")
    }
    let scale = AdapterConfig.Scale(alpha: try alpha(), rank: rank)
    let (rows, columns) = (left.shape[0], right.shape.dropFirst().reduce(1, *))
    let kernel = Array(right.shape.dropFirst(2))
    return [
      WeightUpdate(
        "channelMix", [("a1", first), ("a2", second), ("left", left), ("right", right)],
        numbers: ["scale": scale.value], origin: "glora " + scale.origin,
        expected: "\(rows) × \(columns)"
      ) { $0.rows == rows && $0.columns == columns && $0.hasTaps(kernel) }
    ]
  }

  // MARK: Differences

  /// W ← W + value, in the base's own shape.
  private func difference(
    _ leaf: String, _ value: AdapterTensor, _ target: WeightUpdate.Target
  ) -> WeightUpdate {
    let rows = value.shape.first ?? 1
    let columns = value.shape.dropFirst().reduce(1, *)
    let kernel = Array(value.shape.dropFirst(2))
    var update = WeightUpdate(
      "addition", [("value", value)], origin: "whole difference (\(leaf))",
      expected: "\(rows) × \(columns)"
    ) { $0.rows == rows && $0.columns == columns && $0.kernel == kernel }
    update.target = target
    update.needsTarget = true
    return update
  }
}

extension WeightShape {
  /// Has this kernel; one of single taps is none.
  fileprivate func hasTaps(_ other: [Int]) -> Bool {
    kernel == other || (kernel + other).allSatisfy { $0 == 1 }
  }
}
