/// Stops the process with a message when a condition that our own code must keep does not hold.
///
/// Active in every build mode; `precondition` would lose its message in release builds.
package func invariant(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { broken(message(), file: file, line: line) }
}

/// Stops the process where control must not come.
package func unreachable(
  _ message: String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  broken(message, file: file, line: line)
}

@inline(never)
private func broken(_ message: String, file: StaticString, line: UInt) -> Never {
  fatalError("invariant broken: \(message)", file: file, line: line)
}
