package import Ledger
package import Messaging

/// Why a run could not begin.
package enum CoordinationError: Error, Equatable {
  /// The door does not refuse strangers, or does not answer.
  case messaging(MessagingError)
  /// The job's folder does not take the coordinator's address.
  case ledger(LedgerError)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .messaging(let error): error.sentence
    case .ledger(let error): error.sentence
    }
  }
}
