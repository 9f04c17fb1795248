/// Somebody who was not let in, or something that was not let through. For the log, as facts;
/// nothing more has to be done about it.
package enum Refusal: Equatable, Sendable {
  /// A client whose key is not admitted tried to connect.
  case refusedKey(PublicKey, KeyFault, address: String)
  /// libzmq asked for a decision in words that are not its own.
  case malformedRequest(address: String)
  /// A connection that never got as far as showing a key: not a worker, or one that holds another
  /// coordinator's key.
  case failedHandshake
  /// No descriptor was left for a new connection, or so few that one was cut off.
  case notAccepted
  /// A message of a key that was admitted when it connected and is no more.
  case droppedMessage(PublicKey, KeyFault, address: String)
  /// A message of more or fewer parts than one.
  case malformedMessage(PublicKey?)
  /// The list of authorised keys changed and is not right: it is told once for each change.
  case badList(MessagingError)

  /// What was refused, and what to do where it should not have been.
  package var sentence: String {
    switch self {
    case .refusedKey(let key, let fault, let address):
      "refused a worker at \(Self.place(address)): its key \(key) \(Self.words(fault, "not"))"
    case .malformedRequest(let address):
      "refused a connection from \(Self.place(address)): malformed request for authorisation"
    case .failedHandshake:
      "a connection failed before it showed a key: not a worker, "
        + "or one that expects another coordinator's key"
    case .notAccepted:
      "a connection could not be accepted: no descriptors left; raise the limit (ulimit -n)"
    case .droppedMessage(let key, let fault, let address):
      "dropped a message from \(Self.place(address)): "
        + "its key \(key) \(Self.words(fault, "no longer"))"
    case .malformedMessage(let key):
      "dropped a message that is not one part\(key.map { ", from key \($0)" } ?? "")"
    case .badList(let error): error.sentence
    }
  }

  /// An address as it is shown.
  static func place(_ address: String) -> String {
    address.isEmpty ? "an unknown address" : address
  }

  private static func words(_ fault: KeyFault, _ negation: String) -> String {
    switch fault {
    case .notListed:
      "is \(negation) authorised; add a line with it and a name to authorized_keys to admit it"
    case .expired(let date):
      "expired on \(date); give its line in authorized_keys a later date to admit it"
    case .elsewhere:
      "may not be used from there; "
        + "name the address in 'from=' of its line in authorized_keys to admit it"
    case .listUnusable: "is not admitted while authorized_keys cannot be used"
    }
  }
}
