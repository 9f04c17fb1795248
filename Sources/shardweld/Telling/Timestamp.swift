// The wall clock as text, the same on every machine: UTC, no time zone, no locale.

/// Moments in milliseconds since 1970 as ISO 8601.
enum Timestamp {
  /// `2026-03-01T12:34:56.789Z`.
  static func text(milliseconds: Int64) -> String {
    let (day, rest) = divided(milliseconds, by: 86_400_000)
    let date = date(day: day)
    let time =
      "\(padded(rest / 3_600_000)):\(padded(rest / 60_000 % 60))"
      + ":\(padded(rest / 1000 % 60)).\(padded(rest % 1000, 3))"
    return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))T\(time)Z"
  }

  /// Year, month and day of a count of days since 1970 in the Gregorian calendar.
  ///
  /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
  /// Years begin in March there, so that the leap day is a year's last.
  private static func date(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = divided(day + 719_468, by: 146_097)
    let year =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    let civil = month < 10 ? month + 3 : month - 9
    return (era * 400 + year + (civil <= 2 ? 1 : 0), civil, dayOfYear - (153 * month + 2) / 5 + 1)
  }

  /// Quotient and remainder, the remainder never negative.
  private static func divided(_ number: Int64, by size: Int64) -> (Int64, Int64) {
    let rest = number % size
    return rest < 0 ? (number / size - 1, rest + size) : (number / size, rest)
  }

  private static func padded(_ number: Int64, _ width: Int = 2) -> String {
    let digits = String(number.magnitude)
    return (number < 0 ? "-" : "")
      + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
