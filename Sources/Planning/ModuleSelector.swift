// Which modules a rule of the command line means:
//
//   mlp   self_attn.q_proj   layers.3   layers.0-15   layers.*.mlp   *_proj   2:mlp.down_proj
//
// The words between the dots must stand one after the other in a module's path, anywhere in it. A
// `*` is any run of characters inside a word, `A-B` a number from A to B. `layers` before a number
// is what holds the model's layers, whatever its family calls it.

/// A choice of modules by their paths, as the adapter spells them.
package struct ModuleSelector: Equatable, Sendable {
  /// As typed.
  package let text: String
  /// Position of the adapter it is limited to, from 0; nil for all.
  package let adapter: Int?
  private let words: [Word]

  private enum Word: Equatable, Sendable {
    case layers
    case numbers(ClosedRange<Int>)
    case pattern([UInt8])
  }

  /// Reads a selector; `2:` before it limits it to the second adapter.
  package init(_ text: String) throws(SelectorFault) {
    self.text = text
    var rest = text[...]
    if let colon = text.firstIndex(of: ":") {
      let number = text[..<colon]
      guard let position = Self.number(number), position > 0 else {
        throw .adapter(String(number))
      }
      adapter = position - 1
      rest = text[text.index(after: colon)...]
    } else {
      adapter = nil
    }
    let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
    var words: [Word] = []
    for (index, part) in parts.enumerated() {
      let next = index + 1 < parts.count ? parts[index + 1].first : nil
      words.append(try Self.word(part, before: next))
    }
    self.words = words
  }

  /// True where the words stand in the path of a module of the adapter at `position`.
  package func matches(_ path: String, adapter position: Int) -> Bool {
    guard adapter == nil || adapter == position else { return false }
    let segments = path.split(separator: ".")
    guard segments.count >= words.count else { return false }
    let layers = Self.layers(in: segments)
    return (0...segments.count - words.count).contains { start in
      words.indices.allSatisfy { index in
        switch words[index] {
        case .layers: start + index == layers
        case .numbers(let range):
          Self.number(segments[start + index]).map(range.contains) ?? false
        case .pattern(let pattern):
          Self.fits(pattern, Array(segments[start + index].utf8))
        }
      }
    }
  }

  // MARK: Words

  private static func word(_ text: Substring, before next: Character?) throws(SelectorFault) -> Word
  {
    guard !text.isEmpty else { throw .emptyWord }
    if let other = text.first(where: { ",:=/\\\"'".contains($0) || $0.isWhitespace }) {
      throw .character(other)
    }
    if text == "layers", let next, next == "*" || next.isASCII && next.isNumber { return .layers }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    if ends.count == 2, ends.allSatisfy(isDigits) {
      guard let first = number(ends[0]), let last = number(ends[1]), first <= last else {
        throw .range(String(text))
      }
      return .numbers(first...last)
    }
    return .pattern(Array(text.utf8))
  }

  /// Place of the segment that holds the layers: `layers` before a number where there is one, else
  /// whatever stands before the first number.
  private static func layers(in segments: [Substring]) -> Int? {
    let holders = segments.indices.dropLast().filter { isDigits(segments[$0 + 1]) }
    return holders.first { segments[$0] == "layers" } ?? holders.first
  }

  /// The whole word against a pattern, each `*` as short as it can be.
  private static func fits(_ pattern: [UInt8], _ word: [UInt8]) -> Bool {
    let star = UInt8(ascii: "*")
    var (i, j) = (0, 0)
    var retry: (pattern: Int, word: Int)?
    while j < word.count {
      if i < pattern.count, pattern[i] == star {
        retry = (i + 1, j)
        i += 1
      } else if i < pattern.count, pattern[i] == word[j] {
        i += 1
        j += 1
      } else if let last = retry {
        retry = (last.pattern, last.word + 1)
        (i, j) = (last.pattern, last.word + 1)
      } else {
        return false
      }
    }
    return pattern[i...].allSatisfy { $0 == star }
  }

  private static func isDigits(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func number(_ text: Substring) -> Int? { isDigits(text) ? Int(text) : nil }
}

/// A selector and what the updates of its modules are multiplied by.
package struct ModuleScale: Equatable, Sendable {
  package let selector: ModuleSelector
  /// 0 leaves the modules out.
  package let factor: Double

  /// Reads `SELECTOR=FACTOR`.
  package init(_ text: String) throws(SelectorFault) {
    guard let equals = text.lastIndex(of: "="),
      let factor = Double(text[text.index(after: equals)...]), factor.isFinite
    else { throw .factor }
    selector = try ModuleSelector(String(text[..<equals]))
    self.factor = factor
  }

  /// The text that reads back as this rule.
  package var text: String { "\(selector.text)=\(factor)" }
}

/// Why a text is no selector, or no scale.
package enum SelectorFault: Error, Equatable {
  /// Nothing between two dots, or nothing at all.
  case emptyWord
  case character(Character)
  /// A range that counts down, or numbers too large to count with.
  case range(String)
  /// What stands before the colon is no adapter's number.
  case adapter(String)
  /// No `=` with a finite number after it.
  case factor

  /// What is wrong, as it follows the text itself.
  package var sentence: String {
    switch self {
    case .emptyWord: "has a part without a name"
    case .character(let character): "has \"\(character)\", which stands in no module's path"
    case .range(let text): "has \"\(text)\", which is no range that counts up"
    case .adapter(let text): "has \"\(text)\" before the colon, which is no adapter's number from 1"
    case .factor: "does not end in = and a number"
    }
  }
}
