// What configs call element types.
package import Safetensors

extension DType {
  /// A floating-point type by torch's name for it, with or without the module.
  package init?(torch name: String) {
    switch name.split(separator: ".").last {
    case "bfloat16": self = .bf16
    case "float16", "half": self = .f16
    case "float32", "float": self = .f32
    case "float64", "double": self = .f64
    default: return nil
    }
  }

  /// The same the other way; nil for types that no model is said to be of.
  package var torchName: String? {
    switch self {
    case .bf16: "bfloat16"
    case .f16: "float16"
    case .f32: "float32"
    default: nil
    }
  }
}
