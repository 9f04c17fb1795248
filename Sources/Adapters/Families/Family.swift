// A kind of adapter beside LoRA: the names in its files, the keys of its config, and how a module's
// tensors become updates of its weight. Each kind is one file in this folder and one line in `all`;
// the mathematics is a rule in `Merging/Rules`.
import OrderedJSON
import Safetensors

/// How one kind of adapter is read.
struct Family: Sendable {
  /// PEFT's `peft_type`.
  let kind: String
  /// The config key that makes another method of this kind, of a variant.
  var switchedBy: String?
  /// What follows a module's path in a tensor's name: `hada_w1_a`, `oft_R.weight`. A `*` stands for
  /// one segment, a number.
  var leaves: [String] = []
  /// Tensors of the whole adapter, without the leading `base_model.`; a `*` as above, a `?` is any
  /// one segment.
  var shared: [String] = []
  /// Leaves whose tensors say nothing that others do not say: set aside. What is also in `shared`
  /// is a copy of it.
  var spare: [String] = []
  /// Why a file without a module's own tensors cannot be merged, as the key that made it so.
  var lacking: (key: String, value: String, reason: String)?
  /// Config keys that it reads, or that change nothing in it.
  var keys: Set<String> = []
  /// What the config calls alpha, for kinds that have a rank, an alpha and patterns as LoRA has;
  /// empty for the others.
  var alphaKey = ""
  /// The config key that lists trained rows, for the one kind that is about them.
  var tokenRowsKey: String?
  /// The updates of one module. Shapes among its own tensors are checked here; that they fit the
  /// weight is said by `WeightUpdate.fits`.
  var updates: @Sendable (FamilyModule) throws(AdapterError) -> [WeightUpdate] = { _ in [] }
}

extension Family {
  /// What people call it.
  var name: String { switchedBy.map { "\(kind) with \($0)" } ?? kind }

  /// True where `init_lora_weights` is part of the method, or has no influence on the base.
  var readsInitialisation: Bool { keys.contains("init_lora_weights") }
}

/// A module's tensors and what its family needs besides.
struct FamilyModule {
  var path: String
  var config: AdapterConfig
  /// alpha / r, by the config's patterns or as the file itself gives it.
  var scale: AdapterConfig.Scale
  /// By leaf.
  var tensors: [String: AdapterTensor]
  var shared: [String: AdapterTensor]
  /// How many modules the adapter has.
  var siblings = 1

  /// The config's members.
  var members: MemberReader { config.members }

  /// A tensor that must be there.
  func tensor(_ leaf: String) throws(AdapterError) -> AdapterTensor {
    if let tensor = tensors[leaf] ?? shared[leaf] { return tensor }
    throw .incomplete(
      path: config.path, module: path, has: tensors.keys.sorted().first ?? "no tensor", lacks: leaf)
  }

  /// A tensor that must be there, of so many dimensions.
  func tensor(_ leaf: String, dimensions: Int) throws(AdapterError) -> AdapterTensor {
    let tensor = try tensor(leaf)
    guard tensor.shape.count == dimensions else {
      throw wrong(tensor, "\(dimensions) dimensions")
    }
    return tensor
  }

  func wrong(_ tensor: AdapterTensor, _ expected: String) -> AdapterError {
    .shape(path: config.path, tensor: tensor.name, expected: expected, found: tensor.shape)
  }

  /// Refuses a tensor of another shape.
  func check(_ tensor: AdapterTensor, _ shape: [Int]) throws(AdapterError) {
    guard tensor.shape == shape else { throw wrong(tensor, "\(shape)") }
  }

  /// A member that may be absent.
  func flag(_ key: String, _ otherwise: Bool = false) throws(AdapterError) -> Bool {
    members.member(key) == nil ? otherwise : try members.bool(key)
  }

  func number(_ key: String, _ otherwise: Double) throws(AdapterError) -> Double {
    try members.double(key) ?? otherwise
  }

  func int(_ key: String, _ otherwise: Int) throws(AdapterError) -> Int {
    try members.int(key) ?? otherwise
  }

  /// A member that must be one of these texts.
  func choice(
    _ key: String, _ otherwise: String, of all: [String]
  ) throws(AdapterError) -> String {
    let text = try members.text(key) ?? otherwise
    guard all.contains(text) else {
      throw .badMember(path: config.path, key: key, expected: "one of \(all)")
    }
    return text
  }
}

/// What a weight is, seen as its module sees it: out × everything that goes in.
package struct WeightShape: Equatable, Sendable {
  package var rows: Int
  package var columns: Int
  /// Extents of a convolution's kernel; empty for matrices.
  package var kernel: [Int]

  package init(rows: Int, columns: Int, kernel: [Int] = []) {
    self.rows = rows
    self.columns = columns
    self.kernel = kernel
  }

  /// Of a tensor that is stored as its module sees it.
  package init(_ shape: [Int]) {
    self.init(
      rows: shape.first ?? 1, columns: shape.dropFirst().reduce(1, *),
      kernel: Array(shape.dropFirst(2)))
  }
}

/// What is done to one parameter of a module, by a rule of `Merging/Rules`.
package struct WeightUpdate: Sendable {
  package enum Target: String, Sendable { case weight, bias }

  /// The rule's name.
  package var rule: String
  package var target = Target.weight
  /// The base must have the parameter; else an update of a bias that is not there is none.
  package var needsTarget = false
  /// An update of a bias that reads the base's weight too, as operand `weight`.
  package var readsWeight = false
  /// The rule makes random factors that all modules share: it is told how large the largest weight
  /// of the adapter is, as `rowsMax` and `columnsMax`.
  package var needsLargest = false
  /// The operands lie as the base stores the weight, whichever way that is: an embedding's table,
  /// a difference between checkpoints.
  package var isStored = false
  /// The tensor that the scale was read from.
  package var alpha: AdapterTensor?
  /// The adapter's tensors by the names that the rule knows.
  package var operands: [(role: String, tensor: AdapterTensor)]
  /// Numbers by the names that the rule knows.
  package var numbers: [String: Double] = [:]
  /// Rows that the rule must see together; nil for all of them.
  package var rowsTogether: Int? = 1
  /// How it came about, for people.
  package var origin: String
  /// What the operands ask of the weight, for a refusal.
  package var expected: String
  /// Whether they fit a weight.
  package var fits: @Sendable (WeightShape) -> Bool

  init(
    _ rule: String, _ operands: [(role: String, tensor: AdapterTensor)],
    numbers: [String: Double] = [:], origin: String, expected: String,
    fits: @escaping @Sendable (WeightShape) -> Bool
  ) {
    self.rule = rule
    self.operands = operands
    self.numbers = numbers
    self.origin = origin
    self.expected = expected
    self.fits = fits
  }

  /// Its share of some of the module's rows, for a weight that holds them alone. Only for rules
  /// that go row by row.
  package func rows(_ rows: Range<Int>, of count: Int) -> WeightUpdate {
    var copy = self
    copy.numbers["firstRow"] = Double(rows.lowerBound)
    copy.numbers["rowsOf"] = Double(count)
    let fits = self.fits
    copy.fits = { shape in
      shape.rows == rows.count
        && fits(WeightShape(rows: count, columns: shape.columns, kernel: shape.kernel))
    }
    return copy
  }

  /// All that it reads.
  package var tensorNames: [String] {
    operands.map(\.tensor.name) + (alpha.map { [$0.name] } ?? [])
  }
}

extension Family {
  /// Every kind that is merged, beside LoRA.
  static let all: [Family] = [
    adaLoRA, beft, boft, bone, c3a, deft, delora, fourierFT, frod, glora, gralora, hira, hra, ia3,
    lnTuning, loHa, loKr, miss, oft, osf, peanut, pvera, randlora, road, shira, supertuning,
    tinylora, trainableTokens, unilora, vblora, vera, waveft,
  ]

  /// The family of this name; a refusal says why there is none.
  static func named(_ kind: String, path: String) throws(AdapterError) -> Family {
    guard let family = all.first(where: { $0.kind == kind }) else {
      throw .family(path: path, kind: kind)
    }
    return family
  }

  /// True for what a file of any family may bring beside the family's own tensors.
  func takesOnly(_ leaf: TensorKey.Leaf) -> Bool {
    switch leaf {
    case .whole, .wholeCopy, .original, .helper, .tokenRows: true
    case .loraA, .loraB, .loraBias, .embeddingA, .embeddingB, .magnitude: false
    }
  }

  /// What a tensor's name is to this family, after the wrappers are gone.
  enum Part: Equatable {
    case module(String, leaf: String)
    case shared(String)
  }

  /// Nil where the name is none of this family's own.
  func part(_ name: String) -> Part? {
    guard var segments = TensorKey.segments(of: name), segments.first == "base_model" else {
      return nil
    }
    if let name = Self.match(Array(segments.dropFirst()), shared, anchored: true) {
      return .shared(name.leaf)
    }
    TensorKey.enterModel(&segments)
    guard let found = Self.match(segments, leaves, anchored: false) else { return nil }
    segments.removeLast(found.taken)
    TensorKey.leaveWrappers(&segments)
    guard !segments.isEmpty else { return nil }
    return .module(segments.joined(separator: "."), leaf: found.leaf)
  }

  /// Finds a pattern at the end of a name, with the adapter's own name allowed after its first
  /// segment (`ia3_l.default`) or, where one is left out, none.
  private static func match(
    _ segments: [String], _ patterns: [String], anchored: Bool
  ) -> (leaf: String, taken: Int)? {
    for pattern in patterns {
      let parts = pattern.split(separator: ".").map(String.init)
      for extra in 0...1 {
        let taken = parts.count + extra
        guard anchored ? segments.count == taken : segments.count > taken else { continue }
        var tail = Array(segments.suffix(taken))
        if extra == 1 { tail.remove(at: 1) }
        let fits = zip(tail, parts).allSatisfy {
          $0 == $1 || ($1 == "*" && Int($0) != nil) || $1 == "?"
        }
        if fits { return (tail.joined(separator: "."), taken) }
      }
    }
    return nil
  }
}
