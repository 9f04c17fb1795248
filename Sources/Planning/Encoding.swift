// How merged values go back into the quantised form that they came from, as a worker gets it. Each
// stored tensor of the weight has a recipe of its own, which computes the merged values and keeps
// what it is there for: codes, or scales. What is done stands in `Merging/Encoding`.
package import Safetensors

/// The quantised form that a recipe writes a part of.
package struct Encoding: Equatable, Sendable {
  /// Which of the form's tensors the recipe makes.
  package enum Part: String, Sendable {
    case codes, scales
    /// The scales of scales that are codes themselves.
    case nestedScales

    /// What an update did to a weight is told by its codes alone.
    package var isMeasured: Bool { self == .codes }
  }

  /// A name of `Merging/Encoding`.
  package var form: String
  package var part: Part
  /// Of the weight's values as they are stored: matrices of rows × columns below each other.
  package var shape: [Int]
  /// The type that merged values are rounded to before they are quantised: the one that the
  /// format's own library gives them in.
  package var dtype: DType
  package var scaleDType: DType
  /// In the order of their names.
  package var numbers: [(key: String, value: Double)]

  package init(
    form: String, part: Part, shape: [Int], dtype: DType, scaleDType: DType,
    numbers: [(key: String, value: Double)]
  ) {
    self.form = form
    self.part = part
    self.shape = shape
    self.dtype = dtype
    self.scaleDType = scaleDType
    self.numbers = numbers
  }

  package static func == (a: Encoding, b: Encoding) -> Bool {
    a.form == b.form && a.part == b.part && a.shape == b.shape && a.dtype == b.dtype
      && a.scaleDType == b.scaleDType && a.numbers.elementsEqual(b.numbers) { $0 == $1 }
  }

  /// A whole number above 0 of the form's; nil where there is none.
  package func int(_ key: String) -> Int? {
    number(key).flatMap(Int.init(exactly:)).flatMap { (1...Int(Int32.max)).contains($0) ? $0 : nil }
  }

  package func number(_ key: String) -> Double? { numbers.first { $0.key == key }?.value }

  package func flag(_ key: String) -> Bool { number(key) == 1 }

  /// Elements of the flattened weight that share a scale, where groups run through rows' ends.
  package var flatGroup: Int? { int("block") }

  /// Of these groups, those whose scales share one, where scales are codes themselves.
  package var nestedGroup: Int? { int("nestedBlock") }

  /// Rows and columns that share a scale, where groups are of rows and columns.
  package var blockRows: Int { int("blockRows") ?? 1 }
  package var blockColumns: Int { int("blockColumns") ?? int("group") ?? 1 }

  /// Rows whose groups are all their own: what must be seen together.
  package var rowsTogether: Int {
    let columns = shape.last ?? 1
    let rows = shape.dropLast().last ?? 1
    if let flatGroup {
      let together = flatGroup * (nestedGroup ?? 1)
      return max(1, min(rows, together / Self.divisor(columns, together)))
    }
    // Blocks begin anew in every matrix.
    let isAligned = shape.count == 2 || rows % blockRows == 0
    return max(1, isAligned ? min(blockRows, rows) : rows)
  }

  private static func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
}

extension TensorRecipe {
  /// The recipe of the merged values, before they are quantised again.
  package var merged: TensorRecipe {
    guard let encoding else { return self }
    var copy = self
    (copy.dtype, copy.shape) = (encoding.dtype, encoding.shape)
    return copy
  }
}
