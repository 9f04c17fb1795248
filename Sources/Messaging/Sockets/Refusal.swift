/// Somebody who was not let in, or something that was not let through. For the log, as facts;
/// nothing more has to be done about it.
package enum Refusal: Equatable, Sendable {
  /// A client whose key nobody authorised tried to connect.
  case unknownKey(PublicKey, address: String)
  /// libzmq asked for a decision in words that are not its own.
  case malformedRequest(address: String)
  /// A connection that never got as far as showing a key: not a worker, or one that holds another
  /// coordinator's key.
  case failedHandshake
  /// No descriptor was left for a new connection.
  case notAccepted
  /// A message of a key that was authorised when it connected and is no more.
  case withdrawnKey(PublicKey)
  /// A message of more or fewer parts than one.
  case malformedMessage(PublicKey?)

  /// What was refused, and what to do where it should not have been.
  package var sentence: String {
    switch self {
    case .unknownKey(let key, let address):
      "refused a worker at \(address.isEmpty ? "an unknown address" : address): its key \(key) is "
        + "not authorised; add a line with it and a name to authorized_keys to admit it"
    case .malformedRequest(let address):
      "refused a connection from \(address.isEmpty ? "an unknown address" : address): "
        + "malformed request for authorisation"
    case .failedHandshake:
      "a connection failed before it showed a key: not a worker, "
        + "or one that expects another coordinator's key"
    case .notAccepted:
      "a connection could not be accepted: no descriptors left; raise the limit (ulimit -n)"
    case .withdrawnKey(let key): "dropped a message: its key \(key) is authorised no more"
    case .malformedMessage(let key):
      "dropped a message that is not one part\(key.map { ", from key \($0)" } ?? "")"
    }
  }
}
