import NameExpressions
// IA³: trained factors on what a module gives, or, in feed-forward modules, on what it takes.
import OrderedJSON
import Safetensors

extension Family {
  /// `ia3_l`: `(out,1)` scales rows and the bias; `(1,in)` scales columns. In a convolution both
  /// are `(1,channels,1,1)`, and only `feedforward_modules` tells them apart.
  /// Source: PEFT `tuners/ia3/layer.py`.
  static let ia3 = Family(
    kind: "IA3", leaves: ["ia3_l"], keys: ["feedforward_modules", "init_ia3_weights"],
    updates: { module throws(AdapterError) in
      let factors = try module.tensor("ia3_l")
      let count = factors.shape.reduce(1, *)
      guard factors.shape.count >= 2, factors.shape.contains(count) else {
        throw module.wrong(factors, "a row or a column of factors")
      }
      let scalesColumns: Bool
      if factors.shape.count == 2, factors.shape != [1, 1] {
        scalesColumns = factors.shape[0] == 1
      } else {
        scalesColumns = try module.isNamed(by: "feedforward_modules")
      }
      func update(
        _ rule: String, _ expected: String, _ fits: @escaping @Sendable (WeightShape) -> Bool
      )
        -> WeightUpdate
      {
        WeightUpdate(
          rule, [("factors", factors)], origin: "ia3, \(count) factors", expected: expected,
          fits: fits)
      }
      if scalesColumns {
        return [
          update("scaleColumns", "… × \(count)") {
            let taps = $0.kernel.reduce(1, *)
            return $0.columns == count * taps || ($0.columns == taps && $0.rows == count)
          }
        ]
      }
      var bias = update("scaleRows", "\(count)") { $0.rows == count }
      bias.target = .bias
      return [update("scaleRows", "\(count) × …") { $0.rows == count }, bias]
    })
}

extension FamilyModule {
  /// True where a config key names this module: a text is a regular expression for the whole path,
  /// a list holds ends of paths, in the midst of a segment too.
  func isNamed(by key: String) throws(AdapterError) -> Bool {
    guard let value = members.member(key) else { return false }
    if let text = value.text {
      guard let pattern = NameExpression(key: "^(\(text))") else {
        throw .pattern(path: config.path, key: text)
      }
      return pattern.matches(path)
    }
    return try members.texts(key).contains { path == $0 || path.hasSuffix("." + $0) }
  }
}
