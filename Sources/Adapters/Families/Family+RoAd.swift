// RoAd: pairs of outputs are rotated and scaled.
import Safetensors

extension Family {
  /// `road_theta`, `road_alpha`: of `group_size` outputs the first half turns with the second; the
  /// bias too. `road_1` has an angle for each pair, `road_2` for each output, `road_4` for each of
  /// the two terms of an output.
  /// Source: PEFT `tuners/road/layer.py`.
  static let road = Family(
    kind: "ROAD", leaves: ["road_theta", "road_alpha"],
    keys: ["variant", "group_size", "init_weights"],
    updates: { module throws(AdapterError) in
      let theta = try module.tensor("road_theta", dimensions: 1)
      let alpha = try module.tensor("road_alpha", dimensions: 1)
      try module.check(alpha, theta.shape)
      let variant = try module.choice(
        "variant", "road_1", of: ["road_1", "road_2", "road_4"])
      let group = try module.int("group_size", 64)
      guard group > 0, group % 2 == 0 else {
        throw .badMember(path: module.config.path, key: "group_size", expected: "an even number")
      }
      // Angles for two outputs.
      let share = ["road_1": 1, "road_2": 2, "road_4": 4][variant]!
      let rows = 2 * theta.shape[0] / share
      guard rows * share == 2 * theta.shape[0], rows % group == 0 else {
        throw module.wrong(theta, "a multiple of \(group * share / 2)")
      }
      var updates: [WeightUpdate] = []
      for target in [WeightUpdate.Target.weight, .bias] {
        var update = WeightUpdate(
          "turn", [("theta", theta), ("alpha", alpha)],
          numbers: ["share": Double(share), "group": Double(group)],
          origin: "\(variant), groups of \(group)", expected: "\(rows) × …"
        ) { $0.rows == rows }
        update.target = target
        update.rowsTogether = group
        updates.append(update)
      }
      return updates
    })
}
