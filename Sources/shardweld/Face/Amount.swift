// Numbers for people: `4.94 GB`, `1.2 GB/s`, `3 min 12 s`. Decimal units, integer arithmetic, and
// the same text for the same number everywhere.

enum Amount {
  private static let units = ["B", "KB", "MB", "GB", "TB", "PB", "EB"]

  /// Three digits: `4.94 GB`, `12.5 MB`, `512 B`.
  static func bytes(_ count: Int64) -> String { scaled(count, digits: 3) }

  /// Two digits while below ten, whole numbers above: `1.2 GB/s`, `340 MB/s`.
  static func rate(_ bytesPerSecond: Int64) -> String { scaled(bytesPerSecond, digits: 2) + "/s" }

  /// `2.22 of 4.94 GB`, or with both units where they differ.
  static func share(_ done: Int64, of total: Int64) -> String {
    let a = bytes(done).split(separator: " ")
    let b = bytes(total).split(separator: " ")
    return a[1] == b[1] ? "\(a[0]) of \(b[0]) \(b[1])" : "\(a[0]) \(a[1]) of \(b[0]) \(b[1])"
  }

  /// `8 s`, `3 min 12 s`, `2 h 05 min`, `3 d 04 h`.
  static func duration(seconds: Int64) -> String {
    switch seconds {
    case ..<60: return "\(max(0, seconds)) s"
    case ..<3600: return "\(seconds / 60) min \(two(seconds % 60)) s"
    case ..<86_400: return "\(seconds / 3600) h \(two(seconds % 3600 / 60)) min"
    default: return "\(seconds / 86_400) d \(two(seconds % 86_400 / 3600)) h"
    }
  }

  /// The same for time spent, finer while it is short: `17 ms`, `3.2 s`.
  static func duration(milliseconds: Int64) -> String {
    switch max(0, milliseconds) {
    case let short where short < 1000: return "\(short) ms"
    case let time where time < 9_950:
      let tenths = (time + 50) / 100
      return "\(tenths / 10).\(tenths % 10) s"
    case let time: return duration(seconds: (time + 500) / 1000)
    }
  }

  /// Digits in groups of three: `208 000`.
  static func count(_ number: some BinaryInteger) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += " " }
      text.append(digit)
    }
    return number < 0 ? "-" + text : text
  }

  /// `1 tensor`, `2 tensors`.
  static func count(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
  }

  /// Four digits that a float is told apart by, e.g. `0.001953`, `1.526e-05`; `0` for nothing.
  static func real(_ value: Double) -> String {
    guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
    var exponent = 0
    var mantissa = value.magnitude
    while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    var digits = Int64((mantissa * 1000).rounded())
    if digits == 10_000 { (digits, exponent) = (1000, exponent + 1) }
    let sign = value < 0 ? "-" : ""
    guard (-4...5).contains(exponent) else {
      let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
      return sign + point(digits, 3) + "e" + (exponent < 0 ? "-" : "+") + size
    }
    if exponent > 3 { return sign + String(digits) + String(repeating: "0", count: exponent - 3) }
    return sign + point(digits, 3 - exponent)
  }

  // MARK: Parts

  /// The number with `decimals` of its digits after a point, trailing zeros left out.
  private static func point(_ digits: Int64, _ decimals: Int) -> String {
    var text = String(digits)
    if text.count <= decimals {
      text = String(repeating: "0", count: decimals + 1 - text.count) + text
    }
    guard decimals > 0 else { return text }
    let cut = text.index(text.endIndex, offsetBy: -decimals)
    var fraction = text[cut...]
    while fraction.last == "0" { fraction = fraction.dropLast() }
    return fraction.isEmpty ? String(text[..<cut]) : text[..<cut] + "." + fraction
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  /// The number in the largest unit of which there is at least one, to some digits.
  private static func scaled(_ count: Int64, digits: Int) -> String {
    let count = max(0, count)
    var unit = 0
    var size: Int64 = 1
    // A number that rounds to 1000 is 1 of the next unit.
    while unit + 1 < units.count, rounded(count, by: size) >= 1000 {
      (unit, size) = (unit + 1, size * 1000)
    }
    if unit == 0 { return "\(count) B" }
    let limit = (0..<digits).reduce(Int64(1)) { value, _ in value * 10 }
    for decimals in (1..<digits).reversed() {
      let scale = (0..<decimals).reduce(Int64(1)) { value, _ in value * 10 }
      let number = rounded(count, by: size / scale)
      if number >= limit { continue }
      let fraction = String(number % scale)
      let zeros = String(repeating: "0", count: decimals - fraction.count)
      return "\(number / scale).\(zeros)\(fraction) \(units[unit])"
    }
    return "\(rounded(count, by: size)) \(units[unit])"
  }

  private static func rounded(_ number: Int64, by step: Int64) -> Int64 {
    number / step + (number % step >= (step + 1) / 2 ? 1 : 0)
  }
}
