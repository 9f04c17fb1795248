import Glibc

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
