/// A stored tensor under the name that a rule or a form knows it by.
package struct Operand: Equatable, Sendable {
  package var role: String
  package var tensor: TensorBytes
  package var shape: [Int]

  package init(role: String, tensor: TensorBytes, shape: [Int]) {
    self.role = role
    self.tensor = tensor
    self.shape = shape
  }
}
