// A regular expression of Python's `re`, matched by following all its ways at once (Thompson 1968;
// Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009): the time is at most the
// pattern's length times the name's, whatever the pattern. A matcher that tries one way after the
// other needs years for `(.+)+!`, and adapters come from strangers.
//
// Read: alternatives, groups, repetitions, classes, anchors, `\b`, lookahead. Not read: what no
// such matcher can do (backreferences) or nobody writes here (lookbehind, atomic groups, flags).

/// A compiled expression.
package struct NameExpression: Sendable {
  /// What one character must be.
  struct Member {
    /// What `\d`, `\w` and `\s` stand for.
    enum Kind { case digit, word, space }

    var ranges: [ClosedRange<UInt32>] = []
    var kinds: [(kind: Kind, isNegated: Bool)] = []
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      let isListed =
        ranges.contains { $0.contains(scalar.value) }
        || kinds.contains { $0.kind.contains(scalar) != $0.isNegated }
      return isListed != isNegated
    }
  }

  /// What holds between two characters.
  enum Anchor { case start, end, veryEnd, boundary, noBoundary }

  /// A step of the program; those without a target go on with the next one.
  enum Step {
    case one(Member)
    case split(Int)
    case jump(Int)
    case anchor(Anchor)
    /// The steps behind this one must reach a match of their own, or must not; then `next`.
    case look(isNegated: Bool, next: Int)
    case match
  }

  private let steps: [Step]

  /// Compiles `^(.*\.)?(KEY)$`; nil where the key is no expression that is read here.
  package init?(key: String) { self.init(NameExpressionReader.node(ofKey: key)) }

  /// Compiles a whole expression; nil as above.
  package init?(_ text: String) { self.init(NameExpressionReader.node(of: text)) }

  private init?(_ node: Node?) {
    guard let node else { return nil }
    var writer = NameExpressionWriter()
    do throws(NameExpressionWriter.TooLarge) { try writer.write(node) } catch { return nil }
    writer.finish()
    steps = writer.steps
  }

  /// As Python's `re.match` says it.
  package func matches(_ name: String) -> Bool {
    var run = Run(steps, Array(name.unicodeScalars))
    return run.matches(from: 0, at: 0)
  }
}

extension NameExpression.Member.Kind {
  /// As Python has it for text: by Unicode's properties.
  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    return switch self {
    case .digit: properties.generalCategory == .decimalNumber
    case .word: properties.isAlphabetic || properties.numericType != nil || scalar == "_"
    case .space: properties.isWhitespace
    }
  }
}

/// One program on one name.
private struct Run {
  private let steps: [NameExpression.Step]
  private let name: [Unicode.Scalar]
  /// Where each lookahead was tried already: without it, nested ones would multiply.
  private var looked: [Place: Bool] = [:]

  private struct Place: Hashable {
    var step: Int
    var position: Int
  }

  init(_ steps: [NameExpression.Step], _ name: [Unicode.Scalar]) {
    self.steps = steps
    self.name = name
  }

  mutating func matches(from start: Int, at first: Int) -> Bool {
    // At which position a step was reached last.
    var reached = [Int](repeating: -1, count: steps.count)
    var waiting = [start]
    var position = first
    while !waiting.isEmpty {
      var takers: [Int] = []
      while let step = waiting.popLast() {
        if reached[step] == position { continue }
        reached[step] = position
        switch steps[step] {
        case .match: return true
        case .one: takers.append(step)
        case .jump(let target): waiting.append(target)
        case .split(let target): waiting += [step + 1, target]
        case .anchor(let anchor): if holds(anchor, at: position) { waiting.append(step + 1) }
        case .look(let isNegated, let next):
          if looks(step, at: position) != isNegated { waiting.append(next) }
        }
      }
      guard position < name.count else { return false }
      for step in takers {
        if case .one(let member) = steps[step], member.contains(name[position]) {
          waiting.append(step + 1)
        }
      }
      position += 1
    }
    return false
  }

  private mutating func looks(_ step: Int, at position: Int) -> Bool {
    let place = Place(step: step, position: position)
    if let known = looked[place] { return known }
    let found = matches(from: step + 1, at: position)
    looked[place] = found
    return found
  }

  private func holds(_ anchor: NameExpression.Anchor, at position: Int) -> Bool {
    switch anchor {
    case .start: position == 0
    case .veryEnd: position == name.count
    case .end: position == name.count || (position == name.count - 1 && name[position] == "\n")
    case .boundary: isWord(position - 1) != isWord(position)
    case .noBoundary: isWord(position - 1) == isWord(position)
    }
  }

  private func isWord(_ position: Int) -> Bool {
    name.indices.contains(position) && NameExpression.Member.Kind.word.contains(name[position])
  }
}
