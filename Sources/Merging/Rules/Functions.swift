// The functions of the C library that rules use. Machines whose C libraries differ may give other
// last bits of a Float64 here; they are gone after the rounding to Float32, up to one element in
// some 10⁸.
import Glibc

enum Exponential {
  static func of(_ x: Double) -> Double { exp(x) }
}

enum Logarithm {
  static func of(_ x: Double) -> Double { log(x) }
}

enum Trigonometry {
  static func cosine(_ x: Double) -> Double { cos(x) }
  static func sine(_ x: Double) -> Double { sin(x) }
}

/// Activations of small networks, numbered as their readers number them.
enum Activation: Int {
  case relu, silu, swish, gelu, tanh, sigmoid, linear

  func of(_ x: Double) -> Double {
    switch self {
    case .relu: max(x, 0)
    case .silu, .swish: x / (1 + exp(-x))
    case .gelu: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    case .tanh: Glibc.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .linear: x
    }
  }
}
