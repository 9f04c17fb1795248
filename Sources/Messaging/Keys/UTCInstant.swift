// A moment as people write it in a file of keys: `2027-01-31T00:00:00Z`, or `2027-01-31` for the
// beginning of that day. In UTC alone: the hosts of a cluster need not agree on a time zone.

/// A second of the proleptic Gregorian calendar.
package struct UTCInstant: Equatable, Sendable, CustomStringConvertible {
  /// Seconds since 1970, leap seconds not counted.
  package let seconds: Int64
  /// `2027-01-31T00:00:00Z`.
  package let description: String

  /// Reads a date, or a date and a time that ends in `Z`; nil where the text is anything else or
  /// no such day or time exists.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 10 || bytes.count == 20,
      let year = Self.number(bytes, 0..<4), let month = Self.number(bytes, 5..<7),
      let day = Self.number(bytes, 8..<10), bytes[4] == UInt8(ascii: "-"),
      bytes[7] == UInt8(ascii: "-"), year >= 1970, (1...12).contains(month), day >= 1,
      day <= Self.dayCount(year, month)
    else { return nil }
    var seconds = Self.days(year, month, day) * 86_400
    if bytes.count == 20 {
      guard let hour = Self.number(bytes, 11..<13), let minute = Self.number(bytes, 14..<16),
        let second = Self.number(bytes, 17..<19), bytes[10] == UInt8(ascii: "T"),
        bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
        bytes[19] == UInt8(ascii: "Z"), hour < 24, minute < 60, second < 60
      else { return nil }
      seconds += hour * 3600 + minute * 60 + second
    }
    self.seconds = seconds
    description = bytes.count == 20 ? String(text) : String(text) + "T00:00:00Z"
  }

  private static func number(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
    var value: Int64 = 0
    for byte in bytes[range] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    return value
  }

  private static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func dayCount(_ year: Int64, _ month: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from the beginning of 1970.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let before = year - 1
    let leapDays = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
    let inYear = (1..<month).reduce(Int64(0)) { $0 + dayCount(year, $1) }
    return (year - 1970) * 365 + leapDays + inYear + day - 1
  }
}
