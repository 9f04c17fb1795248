// A weight of a quantised base: the plain tensor that it stands for, and the stored tensors that it
// is read from. What is done with them stands in `Merging/Decoding`, under the name of the form.
package import Safetensors

/// A weight that is stored in another form than its values.
package struct QuantizedWeight: Equatable, Sendable {
  /// A stored tensor that its values come from.
  package struct Operand: Equatable, Sendable {
    /// What the form calls it: `codes`, `scale`, `zero`, ….
    package var role: String
    package var tensor: BaseTensor

    package init(_ role: String, _ tensor: BaseTensor) {
      self.role = role
      self.tensor = tensor
    }
  }

  /// Its name as a plain tensor, e.g. `model.layers.0.mlp.up_proj.weight`.
  package var name: String
  /// Its shape as a plain tensor.
  package var shape: [Int]
  /// The type that the format's own library gives the values in.
  package var dtype: DType
  /// A name of `Merging/Decoding`.
  package var form: String
  /// The format as people call it, e.g. `bitsandbytes NF4`.
  package var title: String
  /// The first is what a plain tensor would be; it gives the weight its place in the base.
  package var operands: [Operand]
  package var numbers: [String: Double]
  /// The stored matrix is the plain tensor's transpose: its rows are the plain tensor's columns.
  package var isTransposed: Bool
  /// Stored tensors that mean nothing without it, the operands among them.
  package var stored: Set<String>
  /// False where it can be copied alone: there is no decoder of its form.
  package var isRead = true

  package init(
    _ name: String, _ shape: [Int], _ dtype: DType, form: String, title: String,
    operands: [Operand], numbers: [String: Double] = [:], isTransposed: Bool = false,
    beside: [String] = []
  ) {
    self.name = name
    self.shape = shape
    self.dtype = dtype
    self.form = form
    self.title = title
    self.operands = operands
    self.numbers = numbers
    self.isTransposed = isTransposed
    stored = Set(operands.map(\.tensor.name) + beside)
  }

  /// What gives it its place in the base.
  package var main: BaseTensor { operands[0].tensor }

  /// The module that it belongs to: its name without `.weight`.
  package var module: String {
    name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
  }
}

/// All weights of a base that are stored in a form of their own.
package struct QuantizedWeights: Sendable {
  /// In the base's order.
  package private(set) var weights: [QuantizedWeight] = []
  /// Why the base cannot be merged into: a form that is not known, or one that contradicts itself.
  package var refusal: QuantizedFault?
  /// Tensors that serve quantised inference alone (scales of activations and caches) and belong to
  /// no single weight.
  package var spare: Set<String> = []

  private var byName: [String: Int] = [:]
  private var owners: [String: Int] = [:]

  package init() {}

  package mutating func append(_ weight: QuantizedWeight) {
    byName[weight.name] = weights.count
    for name in weight.stored { owners[name] = weights.count }
    weights.append(weight)
  }

  /// The weight of a plain name.
  package subscript(name: String) -> QuantizedWeight? { byName[name].map { weights[$0] } }

  /// The weight that a stored tensor belongs to.
  package func owner(of stored: String) -> QuantizedWeight? { owners[stored].map { weights[$0] } }

  package var isEmpty: Bool { weights.isEmpty }
}
