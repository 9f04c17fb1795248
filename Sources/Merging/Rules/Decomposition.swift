// DoRA beside any rule: what the rule makes of a weight is given trained lengths, row by row or
// channel by channel: V ← V · m / (‖V‖ + floor).
// Source: LyCORIS `functional/general.py`, weight_decompose; torchtune `modules/peft`.

/// A rule made ready, and the lengths that follow it, where there are any.
struct PreparedRule: Sendable {
  private let mathematics: any WeightMathematics
  private let decomposition: Decomposition?
  /// The weight's first row among the rule's, of which it may hold a part.
  private let start: Int

  /// Nil where the operands do not fit the weight. The weight holds rows of the rule's `rowsOf`
  /// from `firstRow` on, or all.
  init?(_ type: any WeightMathematics.Type, _ operands: RuleOperands, weightRows: Int) {
    guard let ready = type.init(operands) else { return nil }
    mathematics = ready
    start = operands.count("firstRow") ?? 0
    guard start >= 0, weightRows <= operands.rows - start else { return nil }
    guard operands.has("magnitude") else {
      decomposition = nil
      return
    }
    guard let decomposition = Decomposition(operands) else { return nil }
    self.decomposition = decomposition
  }

  func apply(to band: inout Matrix, firstRow: Int) {
    mathematics.apply(to: &band, firstRow: start + firstRow)
    decomposition?.apply(to: &band, firstRow: start + firstRow)
  }
}

/// Lengths for rows, or for the channels that go in.
struct Decomposition {
  private let lengths: [Double]
  private let floor: Double
  /// Columns of one channel; nil where the lengths are the rows'.
  private let taps: Int?

  /// `magnitude` (out, 1, …) or (1, in, 1, …), with the number `channels` for the latter; `floor`
  /// is added to every norm; `head` as in `RotaryOrder`.
  init?(_ operands: RuleOperands) {
    guard var lengths = operands.vector("magnitude") else { return nil }
    if operands.isOn("channels") {
      let taps = operands.count("kernel") ?? 1
      guard lengths.count * taps == operands.columns else { return nil }
      self.taps = taps
    } else {
      guard lengths.count == operands.rows else { return nil }
      taps = nil
      if let order = RotaryOrder(operands) { lengths = lengths.indices.map { lengths[order[$0]] } }
    }
    self.lengths = lengths
    floor = operands.number("floor") ?? 0
  }

  /// Channels need the whole weight in one band. A row or channel of zeros stays so.
  func apply(to band: inout Matrix, firstRow: Int) {
    guard let taps else {
      for i in 0..<band.rows {
        let norm = Matrix.dot(band, i, band, i).squareRoot() + floor
        guard norm > 0 else { continue }
        let factor = lengths[firstRow + i] / norm
        for j in 0..<band.columns { band[i, j] *= factor }
      }
      return
    }
    var squares = Array(repeating: 0.0, count: lengths.count)
    for i in 0..<band.rows {
      for j in 0..<band.columns { squares[j / taps] += band[i, j] * band[i, j] }
    }
    let factors = zip(lengths, squares).map { length, square in
      let norm = square.squareRoot() + floor
      return norm > 0 ? length / norm : 0
    }
    for i in 0..<band.rows {
      for j in 0..<band.columns { band[i, j] *= factors[j / taps] }
    }
  }
}

/// Where a row of transformers' order lies in Meta's, whose rotary pairs stand side by side: row i
/// of half j of a head is row 2i + j there. Source: torchtune `models/convert_weights.py`.
struct RotaryOrder {
  private let head: Int

  /// By the number `head`, the rows of one; nil without it or where it is odd.
  init?(_ operands: RuleOperands) {
    guard let head = operands.count("head"), head > 0, head % 2 == 0, operands.rows % head == 0
    else { return nil }
    self.head = head
  }

  subscript(row: Int) -> Int {
    let place = row % head
    return row - place + place % (head / 2) * 2 + place / (head / 2)
  }
}
