// From the text of a regular expression to its parts. The grammar is that of Python's `re`
// (Lib/re/_parser.py), less what NameExpression.swift says is not read.

/// Reads one expression.
struct NameExpressionReader {
  /// The text is no expression, or one that is not read here.
  private struct Refused: Error {}

  private typealias Node = NameExpression.Node

  /// A number in braces that is larger gives more steps than are written.
  private static let repetitionMax = 5000
  private static let depthMax = 50

  private let text: [Unicode.Scalar]
  private var offset = 0
  private var depth = 0
  private var names: Set<String> = []

  private init(_ text: String) { self.text = Array(text.unicodeScalars) }

  /// What an expression is made of, nil where it is refused.
  static func node(of expression: String) -> NameExpression.Node? {
    var reader = NameExpressionReader(expression)
    do throws(Refused) {
      let node = try reader.choice()
      guard reader.next == nil else { throw Refused() }
      return node
    } catch { return nil }
  }

  /// The same for `^(.*\.)?(KEY)$`.
  static func node(ofKey key: String) -> NameExpression.Node? {
    node(of: key).map { node in
      let front = Node.sequence([.repeated(.one(anything), least: 0, most: nil), literal(".")])
      return .sequence([.repeated(front, least: 0, most: 1), node, .anchor(.end)])
    }
  }

  // MARK: Reading

  private static let anything = NameExpression.Member(ranges: [0x0A...0x0A], isNegated: true)

  private static func literal(_ scalar: Unicode.Scalar) -> Node {
    .one(NameExpression.Member(ranges: [scalar.value...scalar.value]))
  }

  private var next: Unicode.Scalar? { offset < text.count ? text[offset] : nil }

  private mutating func take() throws(Refused) -> Unicode.Scalar {
    guard let next else { throw Refused() }
    offset += 1
    return next
  }

  private mutating func skip(_ word: String) -> Bool {
    let scalars = word.unicodeScalars
    guard text[offset...].starts(with: scalars) else { return false }
    offset += scalars.count
    return true
  }

  private mutating func choice() throws(Refused) -> Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw Refused() }
    var ways = [try sequence()]
    while skip("|") { ways.append(try sequence()) }
    return ways.count == 1 ? ways[0] : .choice(ways)
  }

  private mutating func sequence() throws(Refused) -> Node {
    var nodes: [Node] = []
    while let next, next != "|", next != ")" { nodes.append(try repeated(try atom())) }
    return .sequence(nodes)
  }

  /// What may stand behind an atom: `*`, `+`, `?`, `{2,3}`, each with a `?` that changes nothing
  /// where only the whole name can match.
  private mutating func repeated(_ node: Node) throws(Refused) -> Node {
    guard let (least, most) = try quantifier() else { return node }
    if case .anchor = node { throw Refused() }
    if !skip("?"), next == "+" { throw Refused() }  // possessive: it could refuse what matches
    guard try quantifier() == nil else { throw Refused() }
    return .repeated(node, least: least, most: most)
  }

  private mutating func quantifier() throws(Refused) -> (least: Int, most: Int?)? {
    if skip("*") { return (0, nil) }
    if skip("+") { return (1, nil) }
    if skip("?") { return (0, 1) }
    let start = offset
    guard skip("{") else { return nil }
    let least = try number()
    let most = skip(",") ? try number() : least
    // Braces that are no quantifier are characters; the next atom reads them.
    guard skip("}"), offset > start + 2 else {
      offset = start
      return nil
    }
    if let least, let most, least > most { throw Refused() }
    return (least ?? 0, most)
  }

  private mutating func number() throws(Refused) -> Int? {
    var value: Int?
    while let digit = next?.value, (0x30...0x39).contains(digit) {
      value = (value ?? 0) * 10 + Int(digit - 0x30)
      guard value! <= Self.repetitionMax else { throw Refused() }
      offset += 1
    }
    return value
  }

  private mutating func atom() throws(Refused) -> Node {
    if next == "{", try quantifier() != nil { throw Refused() }
    let scalar = try take()
    switch scalar {
    case ".": return .one(Self.anything)
    case "^": return .anchor(.start)
    case "$": return .anchor(.end)
    case "*", "+", "?": throw Refused()
    case "[": return .one(try bracket())
    case "(": return try group()
    case "\\":
      let anchors: [Unicode.Scalar: NameExpression.Anchor] = [
        "A": .start, "Z": .veryEnd, "b": .boundary, "B": .noBoundary,
      ]
      if let next, let anchor = anchors[next] {
        offset += 1
        return .anchor(anchor)
      }
      return .one(try escaped())
    default: return Self.literal(scalar)
    }
  }

  private mutating func group() throws(Refused) -> Node {
    var look: Bool?
    if skip("?=") {
      look = false
    } else if skip("?!") {
      look = true
    } else if skip("?P<") {
      var name = String.UnicodeScalarView()
      while !skip(">") { name.append(try take()) }
      guard !name.isEmpty, names.insert(String(name)).inserted else { throw Refused() }
    } else if !skip("?:"), next == "?" {
      throw Refused()
    }
    let node = try choice()
    guard skip(")") else { throw Refused() }
    return look.map { .look(node, isNegated: $0) } ?? node
  }

  private mutating func bracket() throws(Refused) -> NameExpression.Member {
    var member = NameExpression.Member(isNegated: skip("^"))
    var isFirst = true
    while isFirst || next != "]" {
      isFirst = false
      let low = try bracketed()
      if next == "-", offset + 1 < text.count, text[offset + 1] != "]" {
        offset += 1
        let high = try bracketed()
        guard let from = low.ranges.first?.lowerBound, let to = high.ranges.first?.lowerBound,
          from <= to
        else { throw Refused() }
        member.ranges.append(from...to)
      } else {
        member.ranges += low.ranges
        member.kinds += low.kinds
      }
    }
    offset += 1
    return member
  }

  private mutating func bracketed() throws(Refused) -> NameExpression.Member {
    if skip("\\") { return skip("b") ? .init(ranges: [8...8]) : try escaped() }
    let value = try take().value
    return NameExpression.Member(ranges: [value...value])
  }

  /// What stands behind a backslash.
  private mutating func escaped() throws(Refused) -> NameExpression.Member {
    let scalar = try take()
    let value: UInt32
    switch scalar {
    case "d": return .init(kinds: [(.digit, false)])
    case "D": return .init(kinds: [(.digit, true)])
    case "w": return .init(kinds: [(.word, false)])
    case "W": return .init(kinds: [(.word, true)])
    case "s": return .init(kinds: [(.space, false)])
    case "S": return .init(kinds: [(.space, true)])
    case "a": value = 7
    case "t": value = 9
    case "n": value = 10
    case "v": value = 11
    case "f": value = 12
    case "r": value = 13
    case "x": value = try hexadecimal(2)
    case "u": value = try hexadecimal(4)
    case "U": value = try hexadecimal(8)
    default:
      // Other letters mean nothing, digits another group.
      guard !scalar.isASCII || !NameExpression.Member.Kind.word.contains(scalar) || scalar == "_"
      else { throw Refused() }
      value = scalar.value
    }
    return NameExpression.Member(ranges: [value...value])
  }

  private mutating func hexadecimal(_ count: Int) throws(Refused) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      let scalar = try take()
      guard scalar.isASCII, let digit = Character(scalar).hexDigitValue, value < 1 << 28 else {
        throw Refused()
      }
      value = value << 4 | UInt32(digit)
    }
    guard value <= 0x10FFFF else { throw Refused() }
    return value
  }
}
