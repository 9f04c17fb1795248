// How a quantised weight's values come out of the files, as a worker gets it: the form's name, the
// stored tensors and numbers by the names that the form knows. What is done with them stands in
// `Merging/Decoding`; a new form changes nothing here nor in the plan's text.
package import Safetensors

/// The stored form of a weight that is not stored as its values.
package struct Decoding: Equatable, Sendable {
  /// A name of `Merging/Decoding`.
  package var form: String
  /// The format as people call it.
  package var title: String
  /// The type that the format's own library gives values in: updates are laid on these.
  package var dtype: DType
  /// Its stored tensors.
  package var operands: [Operand]
  /// In the order of their names.
  package var numbers: [(key: String, value: Double)]
  /// The stored matrix is the tensor's transpose.
  package var isTransposed: Bool

  package init(
    form: String, title: String, dtype: DType, operands: [Operand],
    numbers: [(key: String, value: Double)], isTransposed: Bool
  ) {
    self.form = form
    self.title = title
    self.dtype = dtype
    self.operands = operands
    self.numbers = numbers
    self.isTransposed = isTransposed
  }

  package static func == (a: Decoding, b: Decoding) -> Bool {
    a.form == b.form && a.title == b.title && a.dtype == b.dtype && a.operands == b.operands
      && a.isTransposed == b.isTransposed && a.numbers.elementsEqual(b.numbers) { $0 == $1 }
  }

  /// Bytes of all stored tensors.
  package var byteCount: Int64 { operands.reduce(0) { $0 + $1.tensor.byteCount } }
}
