import Planning
import Safetensors
import Testing

/// Recipes made by chance: shapes, windows, rules, dtypes and strides in every mixture.
@Suite struct RandomRecipeTests {
  @Test(arguments: 0..<30)
  func `a random recipe gives the reference's bytes`(_ seed: UInt64) throws {
    let fixture = try Fixture(seed: seed)
    for _ in 0..<3 { add(to: fixture) }
    try fixture.expectReference("seed \(seed)", budgets: Budgets.few)
  }

  @Test(arguments: 100..<120)
  func `a random recipe in Float64 gives the reference's bytes`(_ seed: UInt64) throws {
    let fixture = try Fixture(seed: seed)
    fixture.options.accumulation = .f64
    for _ in 0..<3 { add(to: fixture) }
    try fixture.expectReference("seed \(seed)", budgets: Budgets.few)
  }

  private func add(to fixture: Fixture) {
    let rows = Int.random(in: 1...60, using: &fixture.random)
    let columns = Int.random(in: 1...150, using: &fixture.random)
    let mergeable: [DType] = [.bf16, .f16, .f32, .f64]
    let dtype = mergeable.randomElement(using: &fixture.random)!
    let output = Bool.random(using: &fixture.random) ? dtype : .f32
    let updates = (0..<Int.random(in: 0...4, using: &fixture.random)).map { _ in
      let isWhole = Bool.random(using: &fixture.random)
      let window =
        isWhole
        ? Window.whole(rows, columns)
        : Window(rows: part(rows, fixture), columns: part(columns, fixture))
      return fixture.update(window, rule(window, rows, fixture))
    }
    fixture.tensor([rows, columns], dtype, as: output, updates)
  }

  private func rule(_ window: Window, _ rows: Int, _ fixture: Fixture) -> Rule {
    let mergeable: [DType] = [.bf16, .f16, .f32]
    let dtype = mergeable.randomElement(using: &fixture.random)!
    let strength = Bool.random(using: &fixture.random) ? 1 : 0.4
    var product = fixture.lowRank(
      window, rank: Int.random(in: 1...24, using: &fixture.random), dtype,
      transposed: Bool.random(using: &fixture.random))
    let heads = (1...window.rows.count).filter { $0 % 2 == 0 && window.rows.count % $0 == 0 }
    if Int.random(in: 0..<3, using: &fixture.random) == 0 {
      product.left.headRows = heads.randomElement(using: &fixture.random) ?? 0
    }
    let count = window.rows.count * window.columns.count
    switch Int.random(in: 0..<8, using: &fixture.random) {
    case 0: return .add(fixture.put(count, dtype), scale: 0.7)
    case 1: return .replace(fixture.put(count, dtype), strength: strength)
    case 2:
      let list = (0..<5).map { _ in Int.random(in: 0..<rows, using: &fixture.random) }
        .filter { window.rows.contains($0) }
      return .replaceRows(
        list, fixture.put(list.count * window.columns.count, dtype), strength: strength)
    case 3:
      return .dora(
        product, magnitude: fixture.put(window.rows.count, dtype), axis: .row, strength: strength)
    case 4:
      return .dora(
        product, magnitude: fixture.put(window.columns.count, dtype), axis: .column,
        strength: strength)
    default: return .lowRank(product)
    }
  }

  private func part(_ count: Int, _ fixture: Fixture) -> Range<Int> {
    let low = Int.random(in: 0..<count, using: &fixture.random)
    return low..<Int.random(in: (low + 1)...count, using: &fixture.random)
  }
}
