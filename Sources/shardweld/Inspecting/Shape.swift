import OrderedJSON

/// Tensor shapes as people and programs read them.
enum Shape {
  /// `4096 x 4096`; `scalar` for no dimensions.
  static func text(_ shape: [Int]) -> String {
    shape.isEmpty ? "scalar" : shape.map { String($0) }.joined(separator: " x ")
  }

  static func json(_ shape: [Int]) -> JSON { .array(shape.map { .integer($0) }) }
}
