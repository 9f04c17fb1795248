/// Why a key that its holder proved to have is not admitted.
package enum KeyFault: Equatable, Sendable {
  /// No line of the list has it.
  case notListed
  /// Its line held until this moment.
  case expired(UTCInstant)
  /// Its line does not name the address that it is used from.
  case elsewhere
  /// The list cannot be trusted now, so that nobody is admitted. Passes by itself: a worker is not
  /// sent away for it.
  case listUnusable

  /// What a worker is told whose message was dropped; it exits with these words.
  package func reason(address: String) -> String {
    switch self {
    case .notListed:
      "its key was withdrawn; put its line back into the coordinator's authorized_keys to admit it"
    case .expired(let date):
      "its key expired on \(date); "
        + "give its line in the coordinator's authorized_keys a later date to admit it"
    case .elsewhere:
      "its key may not be used from \(Refusal.place(address)); "
        + "name that in 'from=' of its line in the coordinator's authorized_keys to admit it"
    case .listUnusable: "the coordinator's authorized_keys cannot be used at the moment"
    }
  }
}
