// The words of a subcommand: places, flags with one value each, and what stands behind `--`.

/// Parsed words; whoever takes them checks that none is left.
struct Words {
  /// The words cannot be understood; the usage is printed.
  struct Misused: Error {}

  private var places: [String] = []
  private var flags: [String: String] = [:]
  /// What stands behind `--`, for another program.
  private(set) var rest: [String] = []

  init(_ words: [String]) {
    var words = words[...]
    if let end = words.firstIndex(of: "--") {
      rest = Array(words[(end + 1)...])
      words = words[..<end]
    }
    while let word = words.popFirst() {
      if word.hasPrefix("--") {
        flags[String(word.dropFirst(2))] = words.popFirst() ?? ""
      } else {
        places.append(word)
      }
    }
  }

  /// Takes exactly this many places.
  mutating func take(_ count: Int) throws(Misused) -> [String] {
    guard places.count == count else { throw Misused() }
    defer { places = [] }
    return places
  }

  /// Takes all places, however many there are.
  mutating func takeAll() -> [String] {
    defer { places = [] }
    return places
  }

  /// Takes a flag's text.
  mutating func text(_ flag: String) -> String? { flags.removeValue(forKey: flag) }

  /// Takes a flag's whole number.
  mutating func number(_ flag: String) throws(Misused) -> UInt64? {
    guard let text = flags.removeValue(forKey: flag) else { return nil }
    guard let number = UInt64(text) else { throw Misused() }
    return number
  }

  /// Takes a flag's texts, commas between them.
  mutating func list(_ flag: String) -> [String]? {
    text(flag)?.split(separator: ",").map(String.init)
  }

  /// Takes a flag's whole numbers, commas between them.
  mutating func numbers(_ flag: String) throws(Misused) -> [Int]? {
    guard let texts = list(flag) else { return nil }
    let numbers = texts.compactMap { Int($0) }
    guard numbers.count == texts.count else { throw Misused() }
    return numbers
  }

  /// Refuses words that nobody took.
  func end() throws(Misused) {
    guard places.isEmpty, flags.isEmpty else { throw Misused() }
  }
}
