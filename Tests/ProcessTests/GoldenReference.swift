// Low-rank merges of plain linear weights computed a second time, straight from the definition
// W + s·(B·A), in two ways: in the order that the contract f32-once lays down, and in Float64 with
// one rounding at the end. Reads the adapter itself and shares no code with the product.
import Foundation

/// One adapter's pairs, with the scale of each.
struct ReferenceAdapter {
  struct Pair {
    /// (rank, in)
    var a: GoldenTensor
    /// (out, rank)
    var b: GoldenTensor
    /// alpha / rank, or alpha / √rank.
    var scale: Double
  }

  /// By the name of the weight.
  var pairs: [String: Pair] = [:]

  private struct Config: Decodable {
    var r: Int
    var alpha: Double
    var isStabilised: Bool?
    var ranks: [String: Int]?
    var alphas: [String: Double]?

    enum CodingKeys: String, CodingKey {
      case r
      case alpha = "lora_alpha"
      case isStabilised = "use_rslora"
      case ranks = "rank_pattern"
      case alphas = "alpha_pattern"
    }
  }

  init(_ folder: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: folder + "/adapter_config.json"))
    let config = try JSONDecoder().decode(Config.self, from: bytes)
    let tensors = try GoldenCheckpoint(folder).tensors
    for (name, a) in tensors where name.hasSuffix(".lora_A.weight") {
      let module = String(
        name.dropFirst("base_model.model.".count).dropLast(".lora_A.weight".count))
      let b = tensors["base_model.model.\(module).lora_B.weight"]!
      let rank = try Self.value(config.ranks, module) ?? config.r
      let alpha = try Self.value(config.alphas, module) ?? config.alpha
      precondition(a.shape[0] == rank, "\(name): rank \(a.shape[0]), \(rank) by the config")
      let root = config.isStabilised == true ? Double(rank).squareRoot() : Double(rank)
      pairs[module + ".weight"] = Pair(a: a, b: b, scale: alpha / root)
    }
  }

  /// What a pattern says of a module; the fixtures have no module that two keys fit.
  private static func value<V>(_ pattern: [String: V]?, _ module: String) throws -> V? {
    for (key, value) in pattern ?? [:] {
      let expression = try NSRegularExpression(pattern: "^(.*\\.)?(\(key))$")
      let range = NSRange(module.startIndex..., in: module)
      if expression.firstMatch(in: module, range: range) != nil { return value }
    }
    return nil
  }
}

/// What a merged weight must be.
enum GoldenReference {
  /// Contract f32-once: acc = fma(b, a, acc) for k in order, d = s·acc, w = W + d, all in Float32;
  /// the next adapter goes on with w; one rounding at the end.
  static func float32(
    _ weight: GoldenTensor, _ pairs: [(pair: ReferenceAdapter.Pair, strength: Double)],
    dtype: String? = nil
  ) -> [UInt8] {
    var merged = weight.floats
    let columns = weight.shape[1]
    for (pair, strength) in pairs {
      let (a, b, rank) = (pair.a.floats, pair.b.floats, pair.a.shape[0])
      let scale = Float(pair.scale * strength)
      for index in merged.indices {
        let (row, column) = (index / columns * rank, index % columns)
        var sum: Float = 0
        for k in 0..<rank { sum = fma(b[row + k], a[k * columns + column], sum) }
        merged[index] += scale * sum
      }
    }
    return merged.flatMap { bytes(of: $0, dtype ?? weight.dtype) }
  }

  /// The same sum in Float64, rounded once to the weight's own 16-bit type.
  static func float64(_ weight: GoldenTensor, _ pairs: [ReferenceAdapter.Pair]) -> [UInt8] {
    var merged = weight.floats.map(Double.init)
    let columns = weight.shape[1]
    for pair in pairs {
      let (a, b, rank) = (pair.a.floats, pair.b.floats, pair.a.shape[0])
      for index in merged.indices {
        let (row, column) = (index / columns * rank, index % columns)
        var sum = 0.0
        for k in 0..<rank { sum += Double(b[row + k]) * Double(a[k * columns + column]) }
        merged[index] += pair.scale * sum
      }
    }
    return merged.flatMap { bytes(of: toOdd($0), weight.dtype) }
  }

  /// The contract's order in Float64, for a weight that is F64 itself.
  static func float64Weight(_ weight: GoldenTensor, _ pair: ReferenceAdapter.Pair) -> [UInt8] {
    let (w, a, b) = (weight.doubles, pair.a.doubles, pair.b.doubles)
    let (columns, rank) = (weight.shape[1], pair.a.shape[0])
    return w.indices.flatMap { index in
      var sum = 0.0
      for k in 0..<rank {
        sum = fma(b[index / columns * rank + k], a[k * columns + index % columns], sum)
      }
      let bits = (w[index] + pair.scale * sum).bitPattern
      return (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
  }

  /// An element's bytes, rounded to nearest, ties to even.
  static func bytes(of value: Float, _ dtype: String) -> [UInt8] {
    let bits = value.bitPattern
    switch dtype {
    case "F32": return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    case "F16":
      let half = Float16(value).bitPattern
      return [UInt8(half & 0xFF), UInt8(half >> 8)]
    default:
      let half = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
      return [UInt8(half & 0xFF), UInt8(half >> 8)]
    }
  }

  /// Rounded to odd: a later rounding to fewer bits is then as if it were the only one.
  private static func toOdd(_ value: Double) -> Float {
    let near = Float(value)
    if Double(near) == value { return near }
    let isBeyond = Double(near.magnitude) > value.magnitude
    return Float(bitPattern: (isBeyond ? near.bitPattern - 1 : near.bitPattern) | 1)
  }
}
