// Several adapters taken together instead of one after the other: their updates of a weight are
// made whole, thinned or weighed against each other, and added at once.
import Safetensors
import Storage

/// How the updates of several adapters become one.
///
/// With updates Δ_i (scaled by their own alpha and rank) and strengths w_i. `sum`, and what PEFT
/// calls `linear` and `cat`, are Σ w_i·Δ_i, which is what merging one after the other gives; PEFT's
/// own `linear` mixes factors instead, so that every A meets every B, and that is not repeated. The
/// others work on whole updates, as PEFT's `…_svd` methods do before they cut the rank.
/// Source: PEFT `tuners/lora/model.py` (add_weighted_adapter), `utils/merge_utils.py`.
package struct Combination: Equatable, Sendable {
  package enum Method: String, Sendable, CaseIterable {
    case sum, linear, cat, svd, ties
    case dareLinear = "dare_linear"
    case dareTies = "dare_ties"
    case magnitudePrune = "magnitude_prune"

    /// True where updates are simply added.
    package var isSum: Bool { self == .sum || self == .linear || self == .cat }
    /// True where `density` says what is kept.
    package var prunes: Bool { !isSum && self != .svd }
  }

  package var method = Method.sum
  /// Share of an update's elements that is kept, above 0 and up to 1.
  package var density = 1.0
  /// Rank of the result of `svd`.
  package var rank = 0
  /// What random choices come from.
  package var seed = 0

  package init() {}
}

extension Update {
  /// It stands for updates of several adapters.
  var isCombined: Bool {
    if case .weight(let rule) = rule { rule.name == Combination.ruleName } else { false }
  }
}

extension Combination {
  static let ruleName = "combination"

  /// Makes one update of all of a tensor's; refuses those that are no plain pairs.
  func combine(
    _ draft: inout TensorDraft, _ adapters: [String]
  ) throws(PlanningError) {
    guard !method.isSum, !draft.updates.isEmpty else { return }
    var operands: [Operand] = []
    var numbers = [
      "method": Double(Method.allCases.firstIndex(of: method)!), "density": density,
      "rank": Double(rank), "count": Double(draft.updates.count),
    ]
    // A stream of its own for each tensor, whatever else is merged: 53 bits of a name's hash.
    let hash = draft.name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
    }
    var words = SplitMix64(seed: hash &+ UInt64(bitPattern: Int64(seed)))
    numbers["stream"] = Double(words.next() >> 11)
    for (index, update) in draft.updates.enumerated() {
      let strength = draft.strengths[index]
      guard case .lowRank(let low) = update.rule, update.window == draft.wholeWindow,
        let left = operand("left\(index)", low.left, draft.rows, low.rank),
        let right = operand("right\(index)", low.right, low.rank, draft.columns)
      else {
        throw .notCombinable(
          target: draft.name, adapter: adapters[update.adapter], method: method.rawValue)
      }
      operands += [left, right]
      // The strength is a vote's weight and not part of what is thinned.
      numbers["scale\(index)"] = strength == 0 ? 0 : low.scale / strength
      numbers["weight\(index)"] = strength
      if low.left.headRows > 0 { numbers["head\(index)"] = Double(low.left.headRows) }
    }
    let first = draft.updates[0]
    draft.updates = [
      Update(
        window: first.window,
        rule: .weight(
          WeightRule(
            name: Self.ruleName, operands: operands,
            numbers: numbers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            isTransposed: false, rowsTogether: nil, strength: 1)), adapter: first.adapter,
        tensorNames: draft.updates.flatMap(\.tensorNames),
        origin: "\(method.rawValue) of \(draft.updates.count): "
          + draft.updates.map(\.origin).joined(separator: ", "))
    ]
  }

  /// A factor that is all of a stored matrix, or of its transpose; nil for others.
  private func operand(
    _ role: String, _ factor: Factor, _ rows: Int, _ columns: Int
  ) -> Operand? {
    let tensor = TensorBytes(
      file: factor.file, offset: factor.offset, dtype: factor.dtype, elementCount: rows * columns)
    if factor.rowStride == columns, factor.columnStride == 1 {
      return Operand(role: role, tensor: tensor, shape: [rows, columns])
    }
    if factor.rowStride == 1, factor.columnStride == rows {
      return Operand(role: role + "T", tensor: tensor, shape: [columns, rows])
    }
    return nil
  }
}
