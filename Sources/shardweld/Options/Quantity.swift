// Sizes, counts and percentages as people write them. Decimal units count by 1000 (1 MB is a
// million bytes), binary ones by 1024 (1 MiB).

enum Quantity {
  private static let units: [(name: String, byteCount: Int64)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1),
  ]

  /// The bytes of `256MB`, `1.5 GB`, `1GiB` or `65536`; nil for anything else, zero and less, parts
  /// of a byte, and more than 63 bits hold. A bare `G` is refused: it means both to people.
  static func byteCount(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unitText = text[digits.endIndex...].drop { $0 == " " }.lowercased()
    let unit: Int64
    if unitText.isEmpty {
      unit = 1
    } else if let named = units.first(where: { $0.name.lowercased() == unitText }) {
      unit = named.byteCount
    } else {
      return nil
    }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), let whole = Int64(parts[0]) else {
      return nil
    }
    var (sum, overflow) = whole.multipliedReportingOverflow(by: unit)
    if overflow { return nil }
    if parts.count == 2 {
      guard parts[1].count <= 12, let fraction = Int64(parts[1]) else { return nil }
      let scale = parts[1].reduce(Int64(1)) { value, _ in value * 10 }
      let product = fraction.multipliedFullWidth(by: unit)
      let (bytes, rest) = scale.dividingFullWidth(product)
      guard rest == 0 || unit > 1 else { return nil }
      (sum, overflow) = sum.addingReportingOverflow(bytes)
      if overflow { return nil }
    }
    return sum > 0 ? sum : nil
  }

  /// The bytes of a second in `500MB/s`; nil for anything but a size and `/s`.
  static func rate(_ text: String) -> Int64? {
    text.lowercased().hasSuffix("/s") ? byteCount(String(text.dropLast(2))) : nil
  }

  /// The shortest text that `byteCount` reads back as the same number: `256MB`, `1GiB`, `1001`.
  static func text(_ byteCount: Int64) -> String {
    let fitting = units.filter { byteCount >= $0.byteCount && byteCount % $0.byteCount == 0 }
    guard let best = fitting.min(by: { byteCount / $0.byteCount < byteCount / $1.byteCount }),
      best.byteCount > 1
    else { return String(byteCount) }
    return "\(byteCount / best.byteCount)\(best.name)"
  }

  /// A whole number in decimal digits alone.
  static func count(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
  }

  /// The seconds of `90`, `90s`, `55m` or `2h`, from 1 to 1000 hours; nil for anything else.
  static func seconds(_ text: String) -> Int? {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
    let unit = text.last.flatMap { units[$0] }
    guard let number = count(unit == nil ? text : String(text.dropLast())),
      (1...3_600_000).contains(number)
    else { return nil }
    let seconds = number * (unit ?? 1)
    return seconds <= 3_600_000 ? seconds : nil
  }

  /// The number in `0.5`, above 0 and up to 1.
  static func share(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
      let value = Double(text), value > 0, value <= 1
    else { return nil }
    return value
  }

  /// The number in `5`, `5%` or `0.5%`, above 0 and up to 100.
  static func percent(_ text: String) -> Double? {
    let number = text.hasSuffix("%") ? text.dropLast() : text[...]
    guard number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
      let value = Double(number), value > 0, value <= 100
    else { return nil }
    return value
  }
}
