// Which stored rows the rows of a factor are.
import Planning
import Safetensors
import Testing

struct FactorTests {
  @Test func `row 2j + t of a head of eight is the stored row 4t + j`() {
    var factor = Factor(file: 0, offset: 0, dtype: .f32, rowStride: 1, columnStride: 1)
    func rows(_ range: Range<Int>) -> [Int] {
      var rows = Array(repeating: -1, count: range.count)
      for run in factor.runs(of: range) {
        for (index, stored) in run.stored.enumerated() {
          rows[run.first + index * run.step] = stored
        }
      }
      return rows
    }
    #expect(rows(5..<10) == [5, 6, 7, 8, 9])
    factor.headRows = 8
    let order = [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]
    for first in 0..<16 {
      for last in first..<16 { #expect(rows(first..<last) == Array(order[first..<last])) }
    }
  }
}
