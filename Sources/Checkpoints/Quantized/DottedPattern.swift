// The expressions that GPTQModel's `dynamic` names modules by, as far as they are used: letters,
// `.` and `\.`, `.*`, `\d+`, and alternatives in brackets. What is beyond that meets nothing, and
// the shapes then tell that bits or group size do not fit.

/// A small regular expression, matched from the start of a module's path.
struct DottedPattern {
  private let pattern: [Character]

  init(_ text: String) { pattern = Array(text.hasPrefix("^") ? String(text.dropFirst()) : text) }

  func meets(_ module: String) -> Bool { Self.match(pattern[...], Array(module)[...]) }

  private static func match(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>)
    -> Bool
  {
    guard let first = pattern.first else { return true }
    if first == "$", pattern.count == 1 { return text.isEmpty }
    if first == "(", let close = pattern.firstIndex(of: ")") {
      let inside = pattern[(pattern.startIndex + 1)..<close]
      let choices = inside.split(separator: "|", omittingEmptySubsequences: false)
      let bare = choices.map { $0.starts(with: "?:") ? $0.dropFirst(2) : $0 }
      return bare.contains { match(ArraySlice(Array($0) + pattern[(close + 1)...]), text) }
    }
    let isEscaped = first == "\\" && pattern.count > 1
    let unit = isEscaped ? 2 : 1
    let symbol = pattern[pattern.startIndex + unit - 1]
    let rest = pattern.dropFirst(unit)
    func meets(_ character: Character) -> Bool {
      if isEscaped { return symbol == "d" ? character.isNumber : character == symbol }
      return symbol == "." || character == symbol
    }
    guard let many = rest.first, many == "*" || many == "+" else {
      guard let next = text.first, meets(next) else { return false }
      return match(rest, text.dropFirst())
    }
    var length = text.prefix(while: meets).count
    while length >= (many == "+" ? 1 : 0) {
      if match(rest.dropFirst(), text.dropFirst(length)) { return true }
      length -= 1
    }
    return false
  }
}
