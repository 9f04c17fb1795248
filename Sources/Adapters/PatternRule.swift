// Which entries of rank_pattern and alpha_pattern are a module's. PEFT changed its mind twice, and
// an adapter does what it did when it was trained, so the rule goes by the version that wrote the
// file: `peft_version`, which is there since 0.18, or before it the members that a version wrote
// first.
// Source: PEFT 0.13.2, 0.14.0 and 0.15.0, `tuners/lora/model.py` and `utils/other.py`.
import OrderedJSON

/// How a version of PEFT reads the two patterns. In all of them the file's order counts and the
/// first key that matches wins.
enum PatternRule {
  /// Up to 0.13: one search over the keys of both, the ranks' first. What is found says both rank
  /// and alpha, so that a key of alphas does nothing where a key of ranks matches too.
  case joint
  /// 0.14: each for itself. A key means what follows a dot.
  case below
  /// Since 0.15: each for itself. A key is the whole path or what follows a dot.
  case each

  /// The rule of the version that wrote a config; the newest where nothing tells.
  init(_ config: JSON) {
    func hasAny(_ keys: String...) -> Bool { keys.contains { config[$0] != nil } }
    if config["peft_version"] != nil || hasAny("corda_config", "trainable_token_indices") {
      self = .each
    } else if hasAny("eva_config", "exclude_modules", "lora_bias") {
      self = .below
    } else if hasAny("layer_replication", "loftq_config", "megatron_config") {
      self = .joint
    } else {
      self = .each
    }
  }

  /// The versions, for people; empty for the present.
  var note: String {
    switch self {
    case .joint: ", patterns as before PEFT 0.14"
    case .below: ", patterns as in PEFT 0.14"
    case .each: ""
    }
  }

  /// A key, compiled; nil where it is no regular expression that is read here.
  func pattern(_ key: String) -> NamePattern? {
    self == .each ? NamePattern(key) : NamePattern(below: key)
  }
}

/// The two patterns of one config, compiled.
struct ScalePatterns {
  private let rule: PatternRule
  private let ranks: [(pattern: NamePattern, value: Int)]
  private let alphas: [(pattern: NamePattern, value: Double)]

  init(
    _ rule: PatternRule, ranks: [(key: String, value: Int)], alphas: [(key: String, value: Double)]
  ) {
    self.rule = rule
    self.ranks = ranks.compactMap { entry in rule.pattern(entry.key).map { ($0, entry.value) } }
    self.alphas = alphas.compactMap { entry in rule.pattern(entry.key).map { ($0, entry.value) } }
  }

  /// The entries of a module, nil where there is none.
  func entries(
    _ path: String
  ) -> (rank: (key: String, value: Int)?, alpha: (key: String, value: Double)?) {
    let rankKey = key(of: path, ranks.map(\.pattern))
    let alphaKey = key(of: path, alphas.map(\.pattern))
    // A key that both have is one key.
    let joint = rule == .joint ? rankKey ?? alphaKey : nil
    return (
      ranks.first { $0.pattern.key == joint ?? rankKey }.map { ($0.pattern.key, $0.value) },
      alphas.first { $0.pattern.key == joint ?? alphaKey }.map { ($0.pattern.key, $0.value) }
    )
  }

  /// The first key that matches; one that is the path itself does so in every version.
  private func key(of path: String, _ patterns: [NamePattern]) -> String? {
    (patterns.first { $0.matches(path) } ?? patterns.first { $0.key == path })?.key
  }
}
