// LoRA's variants whose mathematics is another: the config says LORA and switches them on.
import OrderedJSON
import Safetensors

extension Family {
  /// The variant that a LoRA config switches on; nil for LoRA itself.
  static func variant(of config: JSON) -> Family? {
    if config["kasa_config"]?.isOn == true { return kasa }
    if config["use_bdlora"]?.isOn == true { return bdlora }
    if config["use_qalora"]?.isOn == true { return qalora }
    guard let name = config["init_lora_weights"]?.text?.lowercased() else { return nil }
    if name == "pissa" { return pissa }
    if name == "olora" { return olora }
    return nil
  }

  static let plainKeys: Set<String> = [
    "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern",
  ]

  /// `lora_A`, `lora_B`, `lora_diag (r)`: the weight loses its r smallest singular values and gains
  /// s·B·diag·A.
  /// Source: PEFT `tuners/lora/variants.py`, KasaLinearVariant.
  static let kasa = Family(
    kind: "LORA", switchedBy: "kasa_config",
    leaves: ["lora_A.weight", "lora_B.weight", "lora_diag"],
    keys: plainKeys.union(["kasa_config"]), alphaKey: "lora_alpha",
    updates: { module throws(AdapterError) in
      let diagonal = try module.tensor("lora_diag", dimensions: 1)
      let (pair, rank) = try module.pair(middle: diagonal)
      try module.check(diagonal, [rank])
      var truncation = WeightUpdate(
        "truncate", [("marker", diagonal)], numbers: ["drops": Double(rank)],
        origin: "kasa drops \(rank) directions", expected: pair.expected, fits: pair.fits)
      truncation.rowsTogether = nil
      return [truncation, pair]
    })

  /// A or B is block-diagonal and saved as its blocks, one below the other.
  /// Source: PEFT `tuners/lora/variants.py`, BdLoraLinearVariant.
  static let bdlora = Family(
    kind: "LORA", switchedBy: "use_bdlora", leaves: ["lora_A.weight", "lora_B.weight"],
    keys: plainKeys.union(["use_bdlora"]), alphaKey: "lora_alpha",
    updates: { module throws(AdapterError) in
      let a = try module.tensor("lora_A.weight", dimensions: 2)
      let b = try module.tensor("lora_B.weight", dimensions: 2)
      let setting = module.members.json["use_bdlora"]
      guard let blocks = setting?["nblocks"]?.int, blocks > 0, a.shape[0] % blocks == 0,
        b.shape[0] % blocks == 0
      else {
        throw .badMember(
          path: module.config.path, key: "use_bdlora", expected: "an object with nblocks")
      }
      // A side that is cut has fewer columns than the other side says.
      let rank = a.shape[0]
      let cutsB = b.shape[1] * blocks == rank && b.shape[1] != rank
      guard cutsB || b.shape[1] == rank else { throw module.wrong(b, "[out, \(rank)]") }
      let (rows, narrow) = (b.shape[0], a.shape[1])
      return [
        WeightUpdate(
          "blockDiagonalPair", [("left", b), ("right", a)],
          numbers: ["scale": module.scale.value, "blocks": Double(blocks)],
          origin: "bdlora " + module.scale.origin,
          expected: "\(rows) × \(narrow) or \(narrow * blocks)"
        ) {
          $0.rows == rows && ($0.columns == narrow || (!cutsB && $0.columns == narrow * blocks))
        }
      ]
    })

  /// The base gave its r strongest singular directions to the pair before training: W' = W − W_r +
  /// s·B·A.
  /// Source: PEFT `tuners/lora/layer.py`, pissa_init.
  static let pissa = Family(
    kind: "LORA", switchedBy: "init_lora_weights", leaves: ["lora_A.weight", "lora_B.weight"],
    keys: plainKeys.union(["init_lora_weights"]),
    alphaKey: "lora_alpha",
    updates: { module throws(AdapterError) in
      let (pair, rank) = try module.pair()
      var residue = WeightUpdate(
        "truncate", [("marker", pair.operands[0].tensor)], numbers: ["loses": Double(rank)],
        origin: "pissa took \(rank) directions", expected: pair.expected, fits: pair.fits)
      residue.rowsTogether = nil
      return [residue, pair]
    })

  /// The base gave Q[:, :r]·R[:r] of its QR decomposition to the pair before training.
  /// Source: PEFT `tuners/lora/layer.py`, olora_init.
  static let olora = Family(
    kind: "LORA", switchedBy: "init_lora_weights", leaves: ["lora_A.weight", "lora_B.weight"],
    keys: plainKeys.union(["init_lora_weights"]),
    alphaKey: "lora_alpha",
    updates: { module throws(AdapterError) in
      let (pair, rank) = try module.pair()
      var residue = WeightUpdate(
        "withoutColumns", [("marker", pair.operands[0].tensor)],
        numbers: ["rank": Double(rank), "scale": module.scale.value],
        origin: "olora took rank \(rank)", expected: pair.expected, fits: pair.fits)
      residue.rowsTogether = nil
      return [residue, pair]
    })
}

extension FamilyModule {
  /// The plain pair's update, with a diagonal between.
  func pair(
    middle: AdapterTensor? = nil
  ) throws(AdapterError) -> (update: WeightUpdate, rank: Int) {
    let a = try tensor("lora_A.weight", dimensions: 2)
    let b = try tensor("lora_B.weight", dimensions: 2)
    let scale = self.scale
    let rank = a.shape[0]
    guard rank == scale.rank else { throw wrong(a, "rank \(scale.rank) by \(scale.rankOrigin)") }
    try check(b, [b.shape[0], rank])
    let (rows, columns) = (b.shape[0], a.shape[1])
    let update = WeightUpdate(
      "product", [("left", b), ("right", a)] + (middle.map { [("middle", $0)] } ?? []),
      numbers: ["scale": scale.value], origin: scale.origin, expected: "\(rows) × \(columns)"
    ) { $0.rows == rows && $0.columns == columns }
    return (update, rank)
  }
}
