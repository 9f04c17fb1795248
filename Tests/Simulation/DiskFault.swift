// What shall go wrong, and when: the k-th call of a process, of a kind, on a path.

/// A fault by plan.
package struct DiskFault: Sendable {
  package enum Effect: Sendable {
    /// Nothing happens but this error. (A close closes all the same.)
    case fails(errno: Int32)
    /// All happens as it should, and the error is told: a request that came twice over a network.
    /// Calls that change nothing are spared: asked twice, they say the same.
    case succeedsThenFails(errno: Int32)
    /// A read or write takes only half of its bytes; any other call goes on as if nothing were.
    case writesShort
    /// A flush or write-back fails and the pages it was for count as clean: no later flush writes them.
    case losesPages(errno: Int32)
    /// The process is killed before the call, or after it.
    case dies(after: Bool)
    /// The host's power goes before the call, or after it.
    case cutsPower(Loss, after: Bool)
    /// A flush says it is done and does nothing.
    case lies
  }

  /// Counts from 1, among the calls that fit all of the below.
  package var at: Int
  /// True: all fitting calls from `at` on.
  package var isLasting = false
  /// Nil fits all.
  package var process: Int?
  package var kind: DiskOperation.Kind?
  package var pathPart: String?
  /// Calls on paths that end so are spared.
  package var sparedEnding: String?
  package var effect: Effect
  /// Calls that fitted so far.
  var seen = 0

  package init(
    _ effect: Effect, at: Int = 1, isLasting: Bool = false, process: Int? = nil,
    kind: DiskOperation.Kind? = nil, pathPart: String? = nil, sparedEnding: String? = nil
  ) {
    self.effect = effect
    self.at = at
    self.isLasting = isLasting
    self.process = process
    self.kind = kind
    self.pathPart = pathPart
    self.sparedEnding = sparedEnding
  }

  /// Takes note of a call; true where the fault falls on it.
  mutating func falls(on process: Int, _ kind: DiskOperation.Kind, _ path: String) -> Bool {
    guard self.process ?? process == process, self.kind ?? kind == kind,
      pathPart.map({ path.contains($0) }) ?? true,
      sparedEnding.map({ !path.hasSuffix($0) }) ?? true
    else { return false }
    seen += 1
    return isLasting ? seen >= at : seen == at
  }
}
