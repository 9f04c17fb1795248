// Typo hints: which of the known words was probably meant.

package enum Nearest {
  /// The known word nearest to what was typed, or nil where none is near or two are equally near.
  ///
  /// A word that begins with what was typed counts as near, so `--out` finds `--output`. Case, and
  /// `_` for `-`, count for nothing.
  package static func match(_ typed: String, among known: [String]) -> String? {
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

  /// The names that a long one was probably meant to be, or to be a part of, at most `count`: those
  /// first that hold it with the fewest changes, then those that have the least besides.
  package static func several(
    _ typed: String, among known: some Sequence<String>, count: Int
  ) -> [String] {
    let wanted = folded(typed)
    guard !wanted.isEmpty, count > 0 else { return [] }
    var best: [(word: String, rank: (changes: Int, rest: Int))] = []
    for word in known {
      let found = folded(word)
      let limit = best.count < count ? wanted.count / 3 : best[count - 1].rank.changes
      let changes = distance(wanted, toPartOf: found, limit: limit)
      let rank = (changes: changes, rest: abs(found.count - wanted.count))
      guard changes <= limit, best.count < count || rank < best[count - 1].rank else { continue }
      best.insert((word, rank), at: best.firstIndex { rank < $0.rank } ?? best.count)
      if best.count > count { best.removeLast() }
    }
    return best.map(\.word)
  }

  /// Fewest insertions, deletions and replacements that turn one word into some part of the other
  /// (Sellers 1980), or some number beyond the limit.
  private static func distance(_ a: [UInt8], toPartOf b: [UInt8], limit: Int) -> Int {
    var row = [Int](repeating: 0, count: b.count + 1)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      var least = row[0]
      for j in b.indices {
        let change = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, diagonal + 1, row[j] + 1)
        least = min(least, row[j + 1])
      }
      if least > limit { return least }
    }
    return row.reduce(Int.max, min)
  }

  private static func folded(_ word: String) -> [UInt8] {
    word.lowercased().utf8.drop { $0 == UInt8(ascii: "-") }
      .map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
  }

  /// Fewest insertions, deletions, replacements and swaps of neighbours that turn one word into the
  /// other (Damerau and Levenshtein, optimal string alignment).
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
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
      older = previous
      previous = row
    }
    return previous[b.count]
  }
}
