// From an expression's parts to the steps that match it: Thompson's construction. Repetitions are
// copied out, so what is written, and the time it takes, has a limit.

extension NameExpression {
  /// A part of an expression.
  indirect enum Node {
    case one(Member)
    case anchor(Anchor)
    case look(Node, isNegated: Bool)
    case sequence([Node])
    case choice([Node])
    case repeated(Node, least: Int, most: Int?)
  }
}

/// Writes the steps of an expression.
struct NameExpressionWriter {
  /// The expression is too large once its repetitions are copied out.
  struct TooLarge: Error {}

  /// More than any sensible pattern has; `(x{99}){99}` would be copied out 9801 times.
  private static let nodeCountMax = 5000

  private(set) var steps: [NameExpression.Step] = []
  /// Counted apart from the steps: an empty group can be repeated too.
  private var nodeCount = 0

  mutating func write(_ node: NameExpression.Node) throws(TooLarge) {
    nodeCount += 1
    guard nodeCount <= Self.nodeCountMax else { throw TooLarge() }
    switch node {
    case .one(let member): steps.append(.one(member))
    case .anchor(let anchor): steps.append(.anchor(anchor))
    case .sequence(let nodes): for node in nodes { try write(node) }
    case .look(let node, let isNegated):
      let place = leaveOpen()
      try write(node)
      finish()
      steps[place] = .look(isNegated: isNegated, next: steps.count)
    case .choice(let ways):
      var ends: [Int] = []
      for way in ways.dropLast() {
        let place = leaveOpen()
        try write(way)
        ends.append(leaveOpen())
        steps[place] = .split(steps.count)
      }
      if let last = ways.last { try write(last) }
      for end in ends { steps[end] = .jump(steps.count) }
    case .repeated(let node, let least, let most):
      for _ in 0..<least { try write(node) }
      for _ in least..<(most ?? least + 1) {
        let place = leaveOpen()
        try write(node)
        if most == nil { steps.append(.jump(place)) }
        steps[place] = .split(steps.count)
      }
    }
  }

  mutating func finish() { steps.append(.match) }

  /// The place of a step that is written once it is known what it leads to.
  private mutating func leaveOpen() -> Int {
    steps.append(.match)
    return steps.count - 1
  }
}
