// The update of a family other than LoRA, as a worker gets it: the rule's name, the adapter's
// tensors and numbers by the names that the rule knows. What the rule does with them stands in
// `Merging/Rules`; a new one changes nothing here nor in the plan's text.
import Safetensors

/// What is done to a weight by a rule of `Merging/Rules`.
package struct WeightRule: Equatable, Sendable {
  package var name: String
  /// Adapters' tensors that the rule reads whole.
  package var operands: [Operand]
  /// In the order of their names.
  package var numbers: [(key: String, value: Double)]
  /// The tensor stores the weight's transpose: its rows are what goes in.
  package var isTransposed: Bool
  /// Rows of the weight that the rule must see together; nil for all.
  package var rowsTogether: Int?
  /// w ← w + strength · (w' − w); for strength 1 it is w' itself.
  package var strength: Double

  package init(
    name: String, operands: [Operand], numbers: [(key: String, value: Double)],
    isTransposed: Bool, rowsTogether: Int?, strength: Double
  ) {
    self.name = name
    self.operands = operands
    self.numbers = numbers
    self.isTransposed = isTransposed
    self.rowsTogether = rowsTogether
    self.strength = strength
  }

  package static func == (a: WeightRule, b: WeightRule) -> Bool {
    a.name == b.name && a.operands == b.operands && a.isTransposed == b.isTransposed
      && a.rowsTogether == b.rowsTogether && a.strength == b.strength
      && a.numbers.elementsEqual(b.numbers) { $0 == $1 }
  }

  /// True where the whole tensor must be in memory at once.
  package var needsWhole: Bool { isTransposed || rowsTogether == nil }

  /// Elements of a tensor of so many rows and columns that must be in memory at once.
  package func elementsTogether(rows: Int, columns: Int) -> Int {
    needsWhole ? rows * columns : min(rows, rowsTogether ?? rows) * columns
  }
}

extension TensorRecipe {
  /// Elements that its rules must see together; 0 where tiles may be cut as one likes.
  package var elementsTogether: Int {
    // What is quantised again is cut by whole rows, also where each has scales of its own.
    let step = encoding == nil && rowsTogether == 1 ? 0 : min(rows, rowsTogether) * columns
    return updates.reduce(step) { most, update in
      guard case .weight(let rule) = update.rule else { return most }
      return max(most, rule.elementsTogether(rows: rows, columns: columns))
    }
  }

  /// Rows that tiles and blocks are made of; 1 where it does not matter.
  package var rowsTogether: Int {
    updates.reduce(encoding?.rowsTogether ?? 1) { least, update in
      guard case .weight(let rule) = update.rule, let own = rule.rowsTogether else { return least }
      return least * own / Self.divisor(least, own)
    }
  }

  private static func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
}
