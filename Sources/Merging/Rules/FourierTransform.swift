// The discrete Fourier transform of any length: powers of two by halving, all others by Bluestein's
// convolution. x[j] ← Σ_k x[k]·exp(+2πi·jk/n), without a factor.
import Glibc

/// Transforms runs of one length.
struct FourierTransform {
  private let count: Int
  /// Length of the transforms by halving: `count` itself, or at least twice it.
  private let power: Int
  /// exp(+2πi·k/power) for half of them.
  private let cosines: [Double]
  private let sines: [Double]
  /// exp(+πi·k²/count), Bluestein's chirp; empty where `count` is a power of two.
  private let chirp: [(re: Double, im: Double)]
  private let chirpTransform: (re: [Double], im: [Double])

  init(_ count: Int) {
    let isPower = count & (count - 1) == 0
    var power = 1
    while power < (isPower ? count : 2 * count - 1) { power *= 2 }
    self.count = count
    self.power = power
    let turns = (0..<max(1, power / 2)).map { Double($0) / Double(power) * 2 * Double.pi }
    cosines = turns.map(cos)
    sines = turns.map(sin)
    guard !isPower else {
      chirp = []
      chirpTransform = ([], [])
      return
    }
    let chirp = (0..<count).map { k in
      // k² only counts modulo 2·count.
      let turn = Double(k * k % (2 * count)) / Double(count) * Double.pi
      return (re: cos(turn), im: sin(turn))
    }
    var real = Array(repeating: 0.0, count: power)
    var imaginary = real
    for k in 0..<count {
      for place in k == 0 ? [0] : [k, power - k] {
        real[place] = chirp[k].re
        imaginary[place] = -chirp[k].im
      }
    }
    Self.halve(&real, &imaginary, cosines, sines)
    self.chirp = chirp
    chirpTransform = (real, imaginary)
  }

  func run(_ real: inout [Double], _ imaginary: inout [Double]) {
    if chirp.isEmpty { return Self.halve(&real, &imaginary, cosines, sines) }
    // x·chirp, convolved with the chirp's conjugate, times chirp: jk = (j² + k² − (j−k)²)/2.
    var a = Array(repeating: 0.0, count: power)
    var b = a
    for k in 0..<count {
      a[k] = real[k] * chirp[k].re - imaginary[k] * chirp[k].im
      b[k] = real[k] * chirp[k].im + imaginary[k] * chirp[k].re
    }
    Self.halve(&a, &b, cosines, sines)
    for k in 0..<power {
      let re = a[k] * chirpTransform.re[k] - b[k] * chirpTransform.im[k]
      b[k] = a[k] * chirpTransform.im[k] + b[k] * chirpTransform.re[k]
      a[k] = re
    }
    // Back: the same transform of what is mirrored, and its length as a factor.
    a[1...].reverse()
    b[1...].reverse()
    Self.halve(&a, &b, cosines, sines)
    let share = 1 / Double(power)
    for k in 0..<count {
      real[k] = (a[k] * chirp[k].re - b[k] * chirp[k].im) * share
      imaginary[k] = (a[k] * chirp[k].im + b[k] * chirp[k].re) * share
    }
  }

  /// Cooley and Tukey's halving, in place.
  private static func halve(
    _ real: inout [Double], _ imaginary: inout [Double], _ cosines: [Double], _ sines: [Double]
  ) {
    let count = real.count
    var mirrored = 0
    for place in 1..<max(1, count) {
      var bit = count >> 1
      while mirrored & bit != 0 {
        mirrored ^= bit
        bit >>= 1
      }
      mirrored |= bit
      if place < mirrored {
        real.swapAt(place, mirrored)
        imaginary.swapAt(place, mirrored)
      }
    }
    var length = 2
    while length <= count {
      let step = count / length
      for start in stride(from: 0, to: count, by: length) {
        for k in 0..<(length / 2) {
          let (c, s) = (cosines[k * step], sines[k * step])
          let (p, q) = (start + k, start + k + length / 2)
          let re = real[q] * c - imaginary[q] * s
          let im = real[q] * s + imaginary[q] * c
          (real[q], imaginary[q]) = (real[p] - re, imaginary[p] - im)
          (real[p], imaginary[p]) = (real[p] + re, imaginary[p] + im)
        }
      }
      length *= 2
    }
  }
}
