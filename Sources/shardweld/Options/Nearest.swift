// Typo hints: which of the known words was probably meant.

enum Nearest {
  /// The known word nearest to what was typed, or nil where none is near or two are equally near.
  ///
  /// A word that begins with what was typed counts as near, so `--out` finds `--output`. Case, and
  /// `_` for `-`, count for nothing.
  static func match(_ typed: String, among known: [String]) -> String? {
    let wanted = folded(typed)
    guard !wanted.isEmpty else { return nil }
    let beginnings = known.filter { folded($0).starts(with: wanted) }
    if beginnings.count == 1, wanted.count > 1 { return beginnings[0] }
    let limit = wanted.count < 3 ? 1 : max(2, wanted.count / 3)
    let ranked = known.map { (word: $0, distance: distance(wanted, folded($0))) }
      .filter { $0.distance <= limit }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    return ranked.filter { $0.distance == best.distance }.count == 1 ? best.word : nil
  }

  /// The names that a long one was probably meant to be, nearest first, at most `count`: those that
  /// hold what was typed, or else those that the fewest changes lead to.
  static func several(_ typed: String, among known: some Sequence<String>, count: Int) -> [String] {
    let wanted = folded(typed)
    guard !wanted.isEmpty, count > 0 else { return [] }
    var holding: [String] = []
    var ranked: [(word: String, distance: Int)] = []
    for word in known {
      let found = folded(word)
      if holds(found, wanted) { holding.append(word) }
      if holding.count == count { break }
      guard holding.isEmpty else { continue }
      let worst = ranked.count < count ? wanted.count / 2 : ranked[count - 1].distance - 1
      guard abs(found.count - wanted.count) <= worst else { continue }
      let distance = distance(wanted, found, limit: worst)
      guard distance <= worst else { continue }
      let place = ranked.firstIndex { $0.distance > distance } ?? ranked.count
      ranked.insert((word, distance), at: place)
      if ranked.count > count { ranked.removeLast() }
    }
    return holding.isEmpty ? ranked.map(\.word) : holding
  }

  /// True where the wanted bytes stand somewhere in a word.
  private static func holds(_ word: [UInt8], _ wanted: [UInt8]) -> Bool {
    guard word.count >= wanted.count else { return false }
    return (0...(word.count - wanted.count)).contains { start in
      word[start] == wanted[0] && word[start..<(start + wanted.count)].elementsEqual(wanted)
    }
  }

  private static func folded(_ word: String) -> [UInt8] {
    word.lowercased().utf8.drop { $0 == UInt8(ascii: "-") }
      .map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
  }

  /// Fewest insertions, deletions, replacements and swaps of neighbours that turn one word into the
  /// other (Damerau and Levenshtein, optimal string alignment). Given up, as some number beyond the
  /// limit, where there is one and it cannot be kept.
  static func distance(_ a: [UInt8], _ b: [UInt8], limit: Int = .max) -> Int {
    var lowest = 0
    var older = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1] + [Int](repeating: 0, count: b.count)
      for j in b.indices {
        let change = previous[j] + (a[i] == b[j] ? 0 : 1)
        row[j + 1] = min(change, previous[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          row[j + 1] = min(row[j + 1], older[j - 1] + 1)
        }
      }
      // A swap looks two rows back, so both must be beyond the limit.
      let least = row.reduce(Int.max, min)
      if min(lowest, least) > limit { return least }
      (lowest, older, previous) = (least, previous, row)
    }
    return previous[b.count]
  }
}
