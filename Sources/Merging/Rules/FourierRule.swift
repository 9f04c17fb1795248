// FourierFT: w ← w + scale · Re(ifft2(S)), S being 0 but at places drawn at random.
// Source: PEFT `tuners/fourierft/layer.py`.
import Glibc

struct FourierRule: WeightMathematics {
  private struct Coefficient {
    var row: Int
    var column: Int
    var value: Double
  }

  private let coefficients: [Coefficient]
  private let rows: Int
  private let transform: FourierTransform

  /// `spectrum` n; `seed` of the places, `scale`.
  init?(_ operands: RuleOperands) {
    let (rows, columns) = (operands.rows, operands.columns)
    guard rows > 0, columns > 0, let spectrum = operands.vector("spectrum"),
      let places = operands.drawnPlaces(spectrum.count), let scale = operands.number("scale")
    else { return nil }
    let share = scale / (Double(rows) * Double(columns))
    coefficients = zip(places, spectrum).map {
      Coefficient(row: $0 / columns, column: $0 % columns, value: $1 * share)
    }
    self.rows = rows
    transform = FourierTransform(columns)
  }

  /// Row i of the update is the inverse transform of Σ value·exp(2πi·i·row/rows) over the columns.
  func apply(to band: inout Matrix, firstRow: Int) {
    for i in 0..<band.rows {
      var real = Array(repeating: 0.0, count: band.columns)
      var imaginary = real
      for entry in coefficients {
        let turn = Double((firstRow + i) * entry.row % rows) / Double(rows) * 2 * Double.pi
        real[entry.column] += entry.value * cos(turn)
        imaginary[entry.column] += entry.value * sin(turn)
      }
      transform.run(&real, &imaginary)
      for j in 0..<band.columns { band[i, j] += real[j] }
    }
  }
}
