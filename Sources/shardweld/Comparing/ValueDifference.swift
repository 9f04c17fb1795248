/// How far the elements of two tensors lie apart, gathered block by block.
struct ValueDifference: Equatable, Sendable {
  /// Elements compared so far.
  var elementCount = 0
  /// Elements that are not the same; by their bits where both have one type. Bytes, for types whose
  /// values are not known.
  var differingCount = 0
  /// Differing elements that are not finite on either side; they count nowhere below.
  var notFiniteCount = 0
  var largest = 0.0
  /// Sum of the magnitudes of all differences.
  var sum = 0.0
  /// Largest distance in units of the last place (of whole numbers: the difference itself); nil
  /// where the types differ or have no known values.
  var largestStep: UInt64?
  /// False for types whose bytes alone are compared.
  var hasValues = true

  /// Mean magnitude over all elements, the same ones included.
  var mean: Double { elementCount == 0 ? 0 : sum / Double(elementCount) }

  /// Takes two values that are not the same.
  mutating func add(_ x: Double, _ y: Double) {
    differingCount += 1
    guard x.isFinite && y.isFinite else {
      notFiniteCount += 1
      return
    }
    let distance = (x - y).magnitude
    largest = max(largest, distance)
    sum += distance
  }

  /// Takes the distance of two orders.
  mutating func addStep(_ a: Int64, _ b: Int64) {
    let step = UInt64(bitPattern: a > b ? a &- b : b &- a)
    largestStep = max(largestStep ?? 0, step)
  }
}
