/// How a send ended. None of these proves that anything arrived.
package enum Sending: Sendable {
  /// Handed to the peer's connection.
  case sent
  /// The connection takes nothing now; the message is not sent.
  case full
  /// The peer has no connection any more; the message is not sent.
  case unreachable
}
