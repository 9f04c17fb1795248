// WaveFT: w ← w + scale · idwt2(S), S being 0 but at places drawn at random; one level of
// two-dimensional wavelets, whose quarters are the smooth part, the details along rows, along
// columns and along both.
// Source: PEFT `tuners/waveft/layer.py`, `tuners/waveft/waverec2d.py`.

struct WaveletRule: WeightMathematics {
  private let update: SparseUpdate

  /// `spectrum` n; `seed` of the places, `scale`, and the low-pass filter as `tap0`, `tap1`, …;
  /// without a filter the spectrum is the update itself.
  init?(_ operands: RuleOperands) {
    let columns = operands.columns
    guard columns > 0, let spectrum = operands.vector("spectrum"),
      let places = operands.drawnPlaces(spectrum.count), let scale = operands.number("scale")
    else { return nil }
    var low: [Double] = []
    while let tap = operands.number("tap\(low.count)") { low.append(tap) }
    var update = SparseUpdate()
    guard !low.isEmpty else {
      for (place, value) in zip(places, spectrum) {
        update.add(value * scale, row: place / columns, column: place % columns)
      }
      self.update = update
      return
    }
    let high = low.indices.map { ($0 % 2 == 0 ? 1 : -1) * low[low.count - 1 - $0] }
    let down = Axis(operands.rows, taps: low.count)
    let across = Axis(columns, taps: low.count)
    for (place, value) in zip(places, spectrum) {
      let (row, isHighDown) = down.quarter(place / columns)
      let (column, isHighAcross) = across.quarter(place % columns)
      // PEFT's details along rows are high down the columns' filter: see _construct_2d_filt.
      for a in low.indices {
        guard let y = down.place(row, a) else { continue }
        let factor = value * scale * (isHighAcross ? high : low)[a]
        for b in low.indices {
          guard let x = across.place(column, b) else { continue }
          update.add(factor * (isHighDown ? high : low)[b], row: y, column: x)
        }
      }
    }
    self.update = update
  }

  func apply(to band: inout Matrix, firstRow: Int) { update.apply(to: &band, firstRow: firstRow) }

  /// One axis: padded to an even length, halved, and what comes back trimmed and centred.
  private struct Axis {
    let count: Int
    let padded: Int
    let trim: Int
    let crop: Int

    init(_ count: Int, taps: Int) {
      self.count = count
      var padded = count + taps - 2
      padded += padded % 2
      self.padded = padded
      trim = (2 * taps - 3) / 2
      let back = padded + taps - 2 - 2 * trim
      crop = (back - count) / 2
    }

    /// Where a coefficient stands in its quarter.
    func quarter(_ place: Int) -> (Int, isHigh: Bool) {
      let place = place + (padded - count) / 2
      return (place % (padded / 2), place >= padded / 2)
    }

    /// Where a coefficient's tap lands; nil outside of the weight.
    func place(_ index: Int, _ tap: Int) -> Int? {
      let place = 2 * index + tap - trim - crop
      return (0..<count).contains(place) ? place : nil
    }
  }
}
