// What the rules of families other than LoRA have in common. A rule is computed in Float64 from
// exactly widened values, on the value so far of the weight, and its result is rounded once to
// Float32 (not at all where Float64 is worked in), from which the contract goes on. So the order
// of a rule's operations shows below the last place only, and no library's rounding on the way
// (PEFT's, to 16 bits, in many families) is repeated. Machines whose C libraries differ may give
// other last bits of exp, log, sin, cos, tanh and erf in Float64; they are gone after the rounding
// to Float32, up to one element in some 10⁸.
import Planning

/// The mathematics of one rule, made ready for one weight. Used by many threads at once.
protocol WeightMathematics: Sendable {
  /// Prepares what does not depend on the weight; nil where the operands do not fit it.
  init?(_ operands: RuleOperands)

  /// Changes rows of the weight, seen as out × in, from `firstRow` on. They are as many together as
  /// the recipe's `rowsTogether` says, or a multiple, or the last.
  func apply(to band: inout Matrix, firstRow: Int)
}

/// What a rule is made of.
struct RuleOperands {
  /// Of the weight, as its module sees it.
  let rows: Int
  let columns: Int
  /// The tensor stores the transpose of the weight.
  let isTransposed: Bool
  let shapes: [String: [Int]]
  let values: [String: [Double]]
  let numbers: [String: Double]

  func has(_ role: String) -> Bool { values[role] != nil }

  func vector(_ role: String) -> [Double]? { values[role] }

  /// A tensor as its first dimension × all others.
  func matrix(_ role: String) -> Matrix? {
    guard let shape = shapes[role], let rows = shape.first, let numbers = values[role] else {
      return nil
    }
    return Matrix(rows: rows, columns: rows == 0 ? 0 : numbers.count / rows, numbers: numbers)
  }

  func number(_ key: String) -> Double? { numbers[key] }

  /// A number that counts something.
  func count(_ key: String) -> Int? { numbers[key].flatMap { Int(exactly: $0) } }

  func isOn(_ key: String) -> Bool { numbers[key] ?? 0 != 0 }

  /// The first `count` of the weight's places in an order drawn from `seed`, as row · columns +
  /// column; nil without a whole seed, or for more places than there are.
  func drawnPlaces(_ count: Int) -> [Int]? {
    guard let seed = number("seed").flatMap({ Int64(exactly: $0) }), count <= rows * columns else {
      return nil
    }
    var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    return generator.firstOfPermutation(rows * columns, count: count)
  }
}

enum WeightRules {
  /// The rules by the names that readers of adapters give them.
  static let all: [String: any WeightMathematics.Type] = [
    "product": ProductRule.self, "hadamard": HadamardRule.self, "kronecker": KroneckerRule.self,
    "scaleRows": ScaleRowsRule.self, "scaleColumns": ScaleColumnsRule.self,
    "rotation": RotationRule.self, "butterfly": ButterflyRule.self,
    "reflections": ReflectionsRule.self, "fourier": FourierRule.self,
    "wavelet": WaveletRule.self, "mixedProduct": MixedProductRule.self,
    "gatheredProduct": GatheredProductRule.self, "vectorBank": VectorBankRule.self,
    "randomBases": RandomBasesRule.self, "blockDiagonalPair": BlockDiagonalPairRule.self,
    "blockPairs": BlockPairsRule.self, "tile": TileRule.self,
    "blockProduct": BlockProductRule.self, "scatter": ScatterRule.self,
    "circulant": CirculantRule.self, "addition": AdditionRule.self, "turn": TurnRule.self,
    "modulation": ModulationRule.self, "scaleAndShift": ScaleAndShiftRule.self,
    "truncate": TruncateRule.self, "withoutColumns": WithoutColumnsRule.self,
    "drawnProduct": DrawnProductRule.self, "basis": BasisRule.self,
    "pooledProduct": PooledProductRule.self,
    "combination": CombinationRule.self, "subspace": SubspaceRule.self, "network": NetworkRule.self,
    "tuckerPair": TuckerPairRule.self, "channelMix": ChannelMixRule.self,
    "rotaryProduct": RotaryProductRule.self, "outputRotation": OutputRotationRule.self,
    "outputButterfly": OutputButterflyRule.self,
  ]
}
