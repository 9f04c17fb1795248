// Updates taken together, held against the operators written out on plain arrays.
import Planning
import Safetensors
import Storage
import Testing

@testable import Merging

@Suite struct CombinationTests {
  private static let rows = 12
  private static let columns = 10

  /// Two pairs of rank 2 and 3 on a weight of zeros, so that the result is the combination itself.
  private func combined(
    _ method: Combination.Method, density: Double = 1, rank: Int = 0, stream: Double = 5,
    weights: [Double] = [0.75, -0.5], head: Int? = nil
  ) throws -> (result: [Double], updates: [[Double]]) {
    let fixture = try Fixture(seed: 3)
    let (rows, columns) = (Self.rows, Self.columns)
    let source = fixture.put(Array(repeating: 0, count: rows * columns), .f32, file: 0)
    var operands: [Operand] = []
    var numbers = [
      "method": Double(Combination.Method.allCases.firstIndex(of: method)!), "density": density,
      "rank": Double(rank), "count": 2, "stream": stream,
    ]
    var updates: [[Double]] = []
    for (index, rank) in [2, 3].enumerated() {
      let left = (0..<rows * rank).map { _ in Double(Int.random(in: -8...8, using: &fixture.random))
      }
      let right = (0..<rank * columns).map { _ in
        Double(Int.random(in: -8...8, using: &fixture.random))
      }
      let stored = head.map { byHalves(left, of: $0, columns: rank) } ?? left
      numbers["head\(index)"] = head.map { Double($0) }
      operands += [
        .init(
          role: "left\(index)", tensor: fixture.put(stored, .f32, file: 1), shape: [rows, rank]),
        .init(
          role: "right\(index)", tensor: fixture.put(right, .f32, file: 1), shape: [rank, columns]),
      ]
      numbers["scale\(index)"] = 0.5
      numbers["weight\(index)"] = weights[index]
      var update: [Double] = []
      for i in 0..<rows {
        for j in 0..<columns {
          var sum = 0.0
          for k in 0..<rank { sum += left[i * rank + k] * right[k * columns + j] }
          update.append(0.5 * sum)
        }
      }
      updates.append(update)
    }
    let rule = WeightRule(
      name: "combination", operands: operands,
      numbers: numbers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, isTransposed: false,
      rowsTogether: nil, strength: 1)
    let window = Window(rows: 0..<rows, columns: 0..<columns)
    fixture.tensor([rows, columns], source, [fixture.update(window, .weight(rule))])
    _ = try ShardMerge(slice: fixture.slice(), budget: TileBudget(threads: 1))
      .run(to: fixture.output) { _ in true }
    let bytes = Array(try WholeFile.read(fixture.output).dropFirst(fixture.expectedHeader.count))
    let result = stride(from: 0, to: bytes.count, by: 4).map { Elements.number(bytes, $0, .f32) }
    return (result, updates)
  }

  /// A matrix whose heads' even rows come before the odd ones.
  private func byHalves(_ numbers: [Double], of head: Int, columns: Int) -> [Double] {
    stride(from: 0, to: Self.rows, by: head).flatMap { first in
      (0..<2).flatMap { half in
        stride(from: first + half, to: min(first + head, Self.rows), by: 2).flatMap { row in
          numbers[row * columns..<(row + 1) * columns]
        }
      }
    }
  }

  /// All but the `count` largest at 0; the first of equal ones stay.
  private func pruned(_ update: [Double], _ count: Int) -> [Double] {
    let order = update.indices.sorted { (-abs(update[$0]), $0) < (-abs(update[$1]), $1) }
    let kept = Set(order.prefix(count))
    return update.indices.map { kept.contains($0) ? update[$0] : 0 }
  }

  @Test func `rows of heads are put in order first`() throws {
    let (expected, _) = try combined(.ties, density: 0.5)
    #expect(try combined(.ties, density: 0.5, head: 4).result == expected)
    #expect(throws: MergingError.self) { try combined(.ties, density: 0.5, head: 5) }
    #expect(throws: MergingError.self) { try combined(.ties, density: 0.5, head: 8) }
  }

  @Test func `magnitude_prune keeps the largest of each`() throws {
    let (result, updates) = try combined(.magnitudePrune, density: 0.3)
    let kept = updates.map { pruned($0, 36) }
    for at in result.indices { #expect(result[at] == 0.75 * kept[0][at] - 0.5 * kept[1][at]) }
  }

  @Test func `ties takes the mean of those that have the elected sign`() throws {
    let (result, updates) = try combined(.ties, density: 0.4)
    let kept = updates.map { pruned($0, 48) }
    for at in result.indices {
      let isPositive = kept[0][at] + kept[1][at] >= 0
      let voters = zip(kept, [0.75, -0.5]).filter {
        $0.0[at] != 0 && ($0.0[at] > 0) == isPositive
      }
      var sum = 0.0
      for (update, weight) in voters { sum += weight * update[at] }
      #expect(Float(result[at]) == Float(sum / Double(max(1, voters.count))))
    }
  }

  @Test func `dare_linear keeps about the share asked for, and divides by it`() throws {
    let (result, updates) = try combined(.dareLinear, density: 0.5, weights: [1, 0])
    let (again, _) = try combined(.dareLinear, density: 0.5, weights: [1, 0])
    let (other, _) = try combined(.dareLinear, density: 0.5, stream: 6, weights: [1, 0])
    #expect(result == again)
    #expect(result != other)
    for at in result.indices { #expect(result[at] == 0 || result[at] == 2 * updates[0][at]) }
    let (kept, all) = (result.count { $0 != 0 }, updates[0].count { $0 != 0 })
    #expect((all * 3 / 10...all * 7 / 10).contains(kept))
  }

  @Test func `with nothing dropped dare_ties is ties`() throws {
    #expect(try combined(.dareTies).result == combined(.ties).result)
  }

  @Test func `svd at full rank is the sum, and at rank 1 has proportional rows`() throws {
    let (full, updates) = try combined(.svd, rank: 10)
    for at in full.indices {
      #expect(abs(full[at] - (0.75 * updates[0][at] - 0.5 * updates[1][at])) < 1e-4)
    }
    let (flat, _) = try combined(.svd, rank: 1)
    let columns = Self.columns
    for i in 1..<Self.rows {
      for j in 1..<columns {
        let crossed = flat[0] * flat[i * columns + j] - flat[j] * flat[i * columns]
        #expect(abs(crossed) < 1e-2)
      }
    }
  }
}
