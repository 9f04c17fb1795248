// Rules of families other than LoRA: the same bytes however a tensor is cut, whatever the layout, and
// operands that do not fit refused. That the mathematics is the libraries' own, the golden cases say.
import Kernels
import Planning
import Safetensors
import Storage
import Testing

@testable import Merging

@Suite struct WeightRuleTests {
  /// A weight of 48 × 40 (or its transpose), and what each rule reads.
  private static let shapes: [String: [(role: String, shape: [Int])]] = [
    "product": [("left", [48, 4]), ("right", [4, 40]), ("middle", [4]), ("rows", [48])],
    "hadamard": [
      ("left1", [48, 3]), ("right1", [3, 40]), ("left2", [48, 3]), ("right2", [3, 40]),
    ],
    "kronecker": [("w1", [6, 5]), ("w2", [8, 8])],
    "scaleRows": [("factors", [48, 1])], "scaleColumns": [("factors", [1, 40])],
    "rotation": [("triangle", [5, 28])],
    "butterfly": [("blocks", [2, 5, 8, 8]), ("factors", [48, 1])],
    "reflections": [("planes", [40, 3])], "fourier": [("spectrum", [30])],
    "wavelet": [("spectrum", [30])], "tile": [("block", [7, 48])],
    "blockProduct": [("blocks", [6, 8, 8])], "circulant": [("kernel", [6, 5, 8])],
    "turn": [("theta", [24]), ("alpha", [24])],
    "modulation": [("left", [48, 2]), ("right", [2, 40])],
    "scaleAndShift": [("AXd", [48, 2]), ("AXu", [2, 40]), ("BX", [48, 1])],
    "blockPairs": [("a", [4, 10, 8]), ("b", [4, 8, 12])],
    "truncate": [], "withoutColumns": [],
    "subspace": [("p", [48, 3]), ("r", [3, 40])],
    "network": [("a", [3, 48]), ("b", [48, 3]), ("encoder0", [3, 3]), ("decoder0", [3, 3])],
    "pooledProduct": [("left", [48, 3]), ("right", [3, 10])],
    "tuckerPair": [("up", [48, 3]), ("down", [3, 10]), ("mid", [3, 3, 2, 2])],
    "channelMix": [("a1", [40, 3]), ("a2", [3, 40]), ("left", [48, 2]), ("right", [2, 40])],
    "rotaryProduct": [("left", [48, 3]), ("right", [3, 40]), ("magnitude", [48])],
    "outputRotation": [("blocks", [6, 8, 8]), ("factors", [48, 1])],
    "outputButterfly": [("blocks", [2, 6, 8, 8]), ("factors", [48, 1])],
  ]

  private static let numbers: [String: [String: Double]] = [
    "product": ["scale": 0.5], "hadamard": ["scale": 2], "kronecker": ["scale": 0.25],
    "rotation": ["size": 8, "terms": 5, "transposes": 1], "butterfly": ["levels": 2, "size": 8],
    "fourier": ["seed": 777, "scale": 100],
    "wavelet": ["seed": 7, "scale": 25, "tap0": 0.7, "tap1": 0.7],
    "circulant": ["size": 8], "turn": ["share": 1, "group": 16], "blockPairs": ["scale": 0.5],
    "truncate": ["drops": 5], "withoutColumns": ["rank": 3, "scale": 1],
    "subspace": ["scale": 0.5, "qr": 1], "network": ["depth": 1, "act": 3, "scale": 0.1],
    "pooledProduct": ["scale": 0.5, "size": 4], "tuckerPair": ["scale": 0.5],
    "channelMix": ["scale": 0.5],
    "rotaryProduct": ["scale": 0.5, "head": 8], "outputRotation": ["size": 8, "limit": 3],
    "outputButterfly": ["size": 8, "limit": 3, "clamps": 1],
  ]

  private static let together: [String: Int?] = [
    "blockProduct": 8, "turn": 16, "truncate": nil, "withoutColumns": nil, "subspace": nil,
    "network": nil, "outputRotation": 8, "outputButterfly": nil,
  ]

  static let names = shapes.keys.sorted()

  /// One weight with one rule, and the fixture that holds them. The same numbers for every layout.
  private func fixture(
    _ name: String, isTransposed: Bool = false, strength: Double = 1, _ dtype: DType = .bf16
  ) throws -> Fixture {
    let fixture = try Fixture(seed: 11)
    let numbers = (0..<48 * 40).map { _ in Double.random(in: -1...1, using: &fixture.random) }
    let source = fixture.put(
      isTransposed ? Self.turned(numbers) : numbers, dtype, file: 0)
    let operands = Self.shapes[name]!.map {
      Operand(
        role: $0.role, tensor: fixture.put($0.shape.reduce(1, *), .f32), shape: $0.shape)
    }
    let shape = isTransposed ? [40, 48] : [48, 40]
    let rule = WeightRule(
      name: name, operands: operands,
      numbers: (Self.numbers[name] ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      isTransposed: isTransposed, rowsTogether: Self.together[name] ?? 1, strength: strength)
    let window = Window(rows: 0..<shape[0], columns: 0..<shape[1])
    fixture.tensor(shape, source, [fixture.update(window, .weight(rule))])
    return fixture
  }

  /// The 40 × 48 transpose of a 48 × 40 matrix.
  private static func turned(_ numbers: [Double]) -> [Double] {
    var result: [Double] = []
    for place in 0..<(48 * 40) { result.append(numbers[place % 48 * 40 + place / 48]) }
    return result
  }

  /// The tensor's bytes after a merge.
  private func merged(
    _ fixture: Fixture, _ budget: TileBudget = TileBudget(threads: 1)
  ) throws -> [UInt8] {
    _ = try ShardMerge(slice: fixture.slice(), budget: budget).run(to: fixture.output) { _ in true }
    defer { do { try Folder.removeTree(fixture.output) } catch { Issue.record(error) } }
    return Array(try WholeFile.read(fixture.output).dropFirst(fixture.expectedHeader.count))
  }

  private func numbers(_ bytes: [UInt8]) -> [Double] {
    stride(from: 0, to: bytes.count, by: 4).map { Elements.number(bytes, $0, .f32) }
  }

  @Test(arguments: names)
  func `a rule gives the same bytes however the tensor is cut`(name: String) throws {
    let fixture = try fixture(name)
    let expected = try merged(fixture)
    for budget in Budgets.all { #expect(try merged(fixture, budget) == expected, "\(budget)") }
    let source: [UInt8] = Array(fixture.files[0].dropFirst(3))
    #expect(expected != source)
  }

  @Test(arguments: names)
  func `a weight that is stored transposed gives the transposed result`(name: String) throws {
    let plain = numbers(try merged(try fixture(name, .f32)))
    let turned = numbers(try merged(try fixture(name, isTransposed: true, .f32)))
    #expect(turned == Self.turned(plain))
  }

  @Test(arguments: names)
  func `half the strength goes half the way`(name: String) throws {
    let before = numbers(Array(try fixture(name, .f32).files[0].dropFirst(3)))
    let all = numbers(try merged(try fixture(name, .f32)))
    let part = numbers(try merged(try fixture(name, strength: 0.5, .f32)))
    for i in before.indices {
      let middle = (before[i] + all[i]) / 2
      #expect(abs(part[i] - middle) < 1e-6 * max(1, abs(all[i])), "\(i)")
    }
  }

  /// Some take operands of any size.
  @Test(
    arguments: names.filter {
      !shapes[$0]!.isEmpty && !["fourier", "tile", "wavelet"].contains($0)
    })
  func `operands of the wrong size are refused`(name: String) throws {
    let fixture = try fixture(name)
    guard case .weight(var rule) = fixture.recipes[0].updates[0].rule else { return }
    rule.operands[0].shape = [1]
    rule.operands[0].tensor.elementCount = 1
    fixture.recipes[0].updates[0].rule = .weight(rule)
    #expect(try fixture.failure() == .unfitRecipe(tensor: "t0", .operand))
  }

  @Test func `a rule that is not known is refused`() throws {
    let fixture = try fixture("tile")
    guard case .weight(var rule) = fixture.recipes[0].updates[0].rule else { return }
    rule.name = "nothing"
    fixture.recipes[0].updates[0].rule = .weight(rule)
    #expect(try fixture.failure() == .unfitRecipe(tensor: "t0", .rule))
  }

  @Test func `every rule is tried here or by a golden case of its own`() {
    let golden: Set = [
      "addition", "basis", "blockDiagonalPair", "combination", "drawnProduct", "gatheredProduct",
      "mixedProduct",
      "randomBases", "scatter", "vectorBank",
    ]
    let all = Set(WeightRules.all.keys)
    #expect(all == golden.union(Self.names))
  }
}
