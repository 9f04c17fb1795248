// adapter_config.json of the LoRA family, read with suspicion: a key that is switched on and not
// known to be harmless stops the merge, because it may change what the adapter computes.
//
//   {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "use_rslora": false, "rank_pattern": {}, …}
import OrderedJSON

/// What of the config a merge depends on.
package struct LoRAConfig: Sendable {
  package let path: String
  package let rank: Int
  package let alpha: Double
  package let usesRankStabilisation: Bool
  package let usesDoRA: Bool
  /// The flag as saved; PEFT itself corrects it by the layer's class, so shapes go first.
  package let fanInFanOut: Bool
  package let ensuresWeightTying: Bool
  package let modulesToSave: [String]
  package let targetParameters: [String]
  /// Which rows of which embedding: keys are module names, nil stands for the input embedding.
  package let tokenRows: [(module: String?, rows: [Int])]
  package let taskType: String?
  /// Class the adapter was trained on, where PEFT saved it.
  package let baseModelClass: String?
  package let peftVersion: String?
  /// Columns of a packed expert factor B lie expert by expert instead of rank by rank.
  package let groupsExpertColumns: Bool
  let rankPattern: [(key: String, value: Int)]
  let alphaPattern: [(key: String, value: Double)]

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

extension LoRAConfig {
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
    guard kind.uppercased() == "LORA" else { throw .family(path: path, kind: kind) }
    try ConfigSwitches.check(json, path: path)

    self.path = path
    guard let rank = try reader.int("r"), rank > 0 else {
      throw .badMember(path: path, key: "r", expected: "a whole number above 0")
    }
    guard let alpha = try reader.double("lora_alpha"), alpha.isFinite else {
      throw .badMember(path: path, key: "lora_alpha", expected: "a number")
    }
    self.rank = rank
    self.alpha = alpha
    usesRankStabilisation = try reader.bool("use_rslora")
    usesDoRA = try reader.bool("use_dora")
    fanInFanOut = try reader.bool("fan_in_fan_out")
    ensuresWeightTying = try reader.bool("ensure_weight_tying")
    targetParameters = try reader.texts("target_parameters")
    taskType = try reader.text("task_type")
    peftVersion = try reader.text("peft_version")
    baseModelClass = json["auto_mapping"]?["base_model_class"]?.text
    var saved = try reader.texts("modules_to_save")
    // PEFT adds these heads by itself for the three tasks that train one.
    if ["SEQ_CLS", "TOKEN_CLS"].contains(taskType) { saved += ["classifier", "score"] }
    if taskType == "QUESTION_ANS" { saved.append("qa_outputs") }
    modulesToSave = saved
    tokenRows = try reader.tokenRows("trainable_token_indices")
    groupsExpertColumns = try reader.text("lora_B_layout") == "grouped_by_expert"
    rankPattern = try reader.numbers("rank_pattern").map { (key, value) throws(AdapterError) in
      guard let rank = Int(exactly: value), rank > 0 else {
        throw .badMember(
          path: path, key: "rank_pattern", expected: "patterns with whole numbers above 0")
      }
      return (key, rank)
    }
    alphaPattern = try reader.numbers("alpha_pattern")
    for (key, _) in rankPattern.map({ ($0.key, 0.0) }) + alphaPattern
    where NamePattern(key) == nil { throw .pattern(path: path, key: key) }
  }

  /// A function that gives rank, alpha and scale of a module path (or parameter path); patterns are
  /// tried in the file's order and the first that matches wins, rank and alpha each on their own.
  package func scales() -> (String) -> Scale {
    let ranks = rankPattern.compactMap { entry in
      NamePattern(entry.key).map { ($0, entry.value) }
    }
    let alphas = alphaPattern.compactMap { entry in
      NamePattern(entry.key).map { ($0, entry.value) }
    }
    return { path in
      let rankHit = ranks.first { $0.0.matches(path) }
      let alphaHit = alphas.first { $0.0.matches(path) }
      let rank = rankHit?.1 ?? self.rank
      let alpha = alphaHit?.1 ?? self.alpha
      let root = self.usesRankStabilisation ? Double(rank).squareRoot() : Double(rank)
      let rankOrigin = rankHit.map { "rank_pattern \"\($0.0.key)\"" } ?? "r"
      let alphaOrigin = alphaHit.map { "alpha_pattern \"\($0.0.key)\"" } ?? "lora_alpha"
      let divisor = self.usesRankStabilisation ? "√\(rank)" : "\(rank)"
      return Scale(
        rank: rank, alpha: alpha, value: alpha / root,
        origin: "\(alphaOrigin) \(alpha) / \(rankOrigin) \(divisor)", rankOrigin: rankOrigin)
    }
  }
}

/// Typed looks into the config; a member of the wrong kind is refused by name.
private struct MemberReader {
  let path: String
  let json: JSON

  func member(_ key: String) -> JSON? {
    guard let value = json[key], value != .null else { return nil }
    return value
  }

  func wrong(_ key: String, _ expected: String) -> AdapterError {
    .badMember(path: path, key: key, expected: expected)
  }

  func text(_ key: String) throws(AdapterError) -> String? {
    guard let value = member(key) else { return nil }
    guard let text = value.text else { throw wrong(key, "a text") }
    return text
  }

  func int(_ key: String) throws(AdapterError) -> Int? {
    guard let value = member(key) else { return nil }
    guard let number = value.int else { throw wrong(key, "a whole number") }
    return number
  }

  func double(_ key: String) throws(AdapterError) -> Double? {
    guard let value = member(key) else { return nil }
    guard let number = value.double else { throw wrong(key, "a number") }
    return number
  }

  func bool(_ key: String) throws(AdapterError) -> Bool {
    guard let value = member(key) else { return false }
    guard let flag = value.bool else { throw wrong(key, "true or false") }
    return flag
  }

  func texts(_ key: String) throws(AdapterError) -> [String] {
    guard let value = member(key) else { return [] }
    if let text = value.text { return [text] }
    guard let elements = value.elements else { throw wrong(key, "a list of texts") }
    return try elements.map { element throws(AdapterError) in
      guard let text = element.text else { throw wrong(key, "a list of texts") }
      return text
    }
  }

  func numbers(_ key: String) throws(AdapterError) -> [(key: String, value: Double)] {
    guard let value = member(key) else { return [] }
    guard let members = value.members else { throw wrong(key, "an object of numbers") }
    return try members.map { member throws(AdapterError) in
      guard let number = member.value.double, number.isFinite else {
        throw wrong(key, "an object of numbers")
      }
      return (member.key, number)
    }
  }

  /// A list of rows for the input embedding, or an object of module name → list.
  func tokenRows(_ key: String) throws(AdapterError) -> [(module: String?, rows: [Int])] {
    func rows(_ value: JSON) throws(AdapterError) -> [Int] {
      guard let elements = value.elements else { throw wrong(key, "lists of token numbers") }
      return try elements.map { element throws(AdapterError) in
        guard let row = element.int, row >= 0 else { throw wrong(key, "lists of token numbers") }
        return row
      }
    }
    guard let value = member(key) else { return [] }
    if let members = value.members {
      return try members.map { member throws(AdapterError) in
        (member.key, try rows(member.value))
      }
    }
    return [(nil, try rows(value))]
  }
}
