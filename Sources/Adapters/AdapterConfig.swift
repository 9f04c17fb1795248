// adapter_config.json, read with suspicion: a key that is switched on and not known to be harmless
// stops the merge, because it may change what the adapter computes.
//
//   {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "use_rslora": false, "rank_pattern": {}, …}
import OrderedJSON

/// What of the config a merge depends on.
package struct AdapterConfig: Sendable {
  package let path: String
  /// Whose files they are.
  package let format: AdapterFormat
  /// `LORA`, `LOHA`, …: what PEFT calls the method; of another format its name.
  package let kind: String
  /// How the method is read; nil for LoRA, which has a reader of its own.
  let family: Family?
  let members: MemberReader
  /// Of a family without a rank: 1, and an alpha that makes every scale 1.
  package let rank: Int
  package let alpha: Double
  package let usesRankStabilisation: Bool
  package let usesDoRA: Bool
  /// The flag as saved; PEFT itself corrects it by the layer's class, so shapes go first.
  package let fanInFanOut: Bool
  package let ensuresWeightTying: Bool
  package let modulesToSave: [String]
  package let targetParameters: [String]
  /// Which of the base's layers, in order, the trained model's were copies of; empty for its own.
  package let layerReplication: [Range<Int>]
  /// Which rows of which embedding: keys are module names, nil stands for the input embedding.
  package let tokenRows: [(module: String?, rows: [Int])]
  package let taskType: String?
  /// Class the adapter was trained on, where PEFT saved it.
  package let baseModelClass: String?
  package let peftVersion: String?
  /// Name or path of the model that it was trained on, as PEFT saved it.
  package let baseName: String?
  /// What a file of llama.cpp calls the kind of model that it is for.
  package let architecture: String?
  /// Columns of a packed expert factor B lie expert by expert instead of rank by rank.
  package let groupsExpertColumns: Bool
  /// What the config calls alpha.
  let alphaKey: String
  let rankPattern: [(key: String, value: Int)]
  let alphaPattern: [(key: String, value: Double)]
  /// How the two are read.
  let patternRule: PatternRule

  /// Rank, alpha and scale of one module.
  package struct Scale: Equatable, Sendable {
    package var rank: Int
    package var alpha: Double
    /// alpha/r, or alpha/√r with rank stabilisation.
    package var value: Double
    /// Where they come from, for people.
    package var origin: String
    /// Where the rank comes from.
    package var rankOrigin: String
  }
}

extension AdapterConfig {
  /// Reads the config; refuses other families and switches that are not known to be harmless.
  package init(parsing bytes: [UInt8], path: String) throws(AdapterError) {
    let json: JSON
    do { json = try JSON(parsing: bytes) } catch { throw .badConfig(path: path, error) }
    guard json.members != nil else {
      throw .badMember(path: path, key: "(the file)", expected: "an object")
    }
    let reader = MemberReader(path: path, json: json)
    guard let kind = try reader.text("peft_type") else {
      throw .badMember(path: path, key: "peft_type", expected: "a text such as \"LORA\"")
    }
    self.path = path
    format = .peft
    self.kind = kind.uppercased()
    members = reader
    if self.kind == "LORA" {
      family = Family.variant(of: json)
      alphaKey = "lora_alpha"
    } else {
      let found = try Family.named(self.kind, path: path)
      family = found
      alphaKey = found.alphaKey
    }
    try ConfigSwitches.check(json, family, path: path)
    let hasScale = family?.alphaKey.isEmpty != true
    let rank = hasScale ? try reader.int("r") : 1
    guard let rank, rank > 0 else {
      throw .badMember(path: path, key: "r", expected: "a whole number above 0")
    }
    let alpha = hasScale ? try reader.double(alphaKey) : 1
    guard let alpha, alpha.isFinite else {
      throw .badMember(path: path, key: alphaKey, expected: "a number")
    }
    self.rank = rank
    self.alpha = alpha
    usesRankStabilisation = try reader.bool("use_rslora")
    usesDoRA = try reader.bool("use_dora")
    fanInFanOut = try reader.bool("fan_in_fan_out")
    ensuresWeightTying = try reader.bool("ensure_weight_tying")
    targetParameters = try reader.texts("target_parameters")
    layerReplication = try reader.ranges("layer_replication")
    taskType = try reader.text("task_type")
    peftVersion = try reader.text("peft_version")
    baseName = json["base_model_name_or_path"]?.text
    architecture = nil
    baseModelClass = json["auto_mapping"]?["base_model_class"]?.text
    var saved = try reader.texts("modules_to_save")
    // PEFT adds these heads by itself for the three tasks that train one.
    if ["SEQ_CLS", "TOKEN_CLS"].contains(taskType) { saved += ["classifier", "score"] }
    if taskType == "QUESTION_ANS" { saved.append("qa_outputs") }
    modulesToSave = saved
    tokenRows = try reader.tokenRows(family?.tokenRowsKey ?? "trainable_token_indices")
    groupsExpertColumns = try reader.text("lora_B_layout") == "grouped_by_expert"
    rankPattern = try (hasScale ? reader.numbers("rank_pattern") : []).map {
      (key, value) throws(AdapterError) in
      guard let rank = Int(exactly: value), rank > 0 else {
        throw .badMember(
          path: path, key: "rank_pattern", expected: "patterns with whole numbers above 0")
      }
      return (key, rank)
    }
    alphaPattern = try hasScale ? reader.numbers("alpha_pattern") : []
    patternRule = self.kind == "LORA" ? PatternRule(json) : .each
    for (key, _) in rankPattern.map({ ($0.key, 0.0) }) + alphaPattern
    where NamePattern(key) == nil { throw .pattern(path: path, key: key) }
  }

  /// Of a format that keeps rank and scale elsewhere: all that is known is said here, and every
  /// module brings its own scale.
  init(
    format: AdapterFormat, path: String, usesDoRA: Bool = false, ensuresWeightTying: Bool = false,
    architecture: String? = nil
  ) {
    self.path = path
    self.format = format
    kind = format.rawValue
    family = nil
    members = MemberReader(path: path, json: .object([]))
    (rank, alpha, alphaKey) = (1, 1, "alpha")
    usesRankStabilisation = false
    self.usesDoRA = usesDoRA
    fanInFanOut = false
    self.ensuresWeightTying = ensuresWeightTying
    self.architecture = architecture
    (modulesToSave, targetParameters, tokenRows) = ([], [], [])
    layerReplication = []
    (taskType, baseModelClass, peftVersion, baseName) = (nil, nil, nil, nil)
    groupsExpertColumns = false
    (rankPattern, alphaPattern) = ([], [])
    patternRule = .each
  }

  /// A function that gives rank, alpha and scale of a module path (or parameter path).
  package func scales() -> (String) -> Scale {
    if rankPattern.isEmpty, alphaPattern.isEmpty {
      let one = scale(rank: nil, alpha: nil, note: "")
      return { _ in one }
    }
    let patterns = ScalePatterns(patternRule, ranks: rankPattern, alphas: alphaPattern)
    return { path in
      let hit = patterns.entries(path)
      return self.scale(rank: hit.rank, alpha: hit.alpha, note: self.patternRule.note)
    }
  }

  /// What the entries of the patterns make of the config's own rank and alpha.
  private func scale(
    rank rankEntry: (key: String, value: Int)?, alpha alphaEntry: (key: String, value: Double)?,
    note: String
  ) -> Scale {
    let rank = rankEntry?.value ?? self.rank
    let alpha = alphaEntry?.value ?? self.alpha
    let root = usesRankStabilisation ? Double(rank).squareRoot() : Double(rank)
    let rankOrigin = rankEntry.map { "rank_pattern \"\($0.key)\"" } ?? "r"
    let alphaOrigin = alphaEntry.map { "alpha_pattern \"\($0.key)\"" } ?? alphaKey
    let divisor = usesRankStabilisation ? "√\(rank)" : "\(rank)"
    return Scale(
      rank: rank, alpha: alpha, value: alpha / root,
      origin: "\(alphaOrigin) \(alpha) / \(rankOrigin) \(divisor)\(note)", rankOrigin: rankOrigin)
  }
}
