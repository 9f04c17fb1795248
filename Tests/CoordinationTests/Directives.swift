// What a test asks of a machine's directives.
import Coordination
import Messaging
import Planning

extension [CoordinatorMachine.Directive] {
  /// What is said to a worker, in order.
  func said(to name: String) -> [CoordinatorMessage] {
    compactMap { directive in
      guard case .send(let message, _, let id) = directive, id == Rehearsal.id(name) else {
        return nil
      }
      return message
    }
  }

  /// What a worker is given, in order.
  func given(to name: String) -> [TaskID] {
    said(to: name).compactMap { if case .assign(let task) = $0 { task.task } else { nil } }
  }

  /// What is taken away from a worker, in order.
  func cancelled(for name: String) -> [TaskID] {
    said(to: name).compactMap { if case .cancel(let task) = $0 { task } else { nil } }
  }

  var commits: [AttemptID] {
    compactMap { if case .commit(let attempt, _) = $0 { attempt } else { nil } }
  }

  var discarded: [AttemptID] {
    compactMap { if case .discard(let attempt) = $0 { attempt } else { nil } }
  }

  var revoked: [Int] { compactMap { if case .revoke(let job) = $0 { job } else { nil } } }

  var end: CoordinatorMachine.End? {
    for case .end(let end) in self { return end }
    return nil
  }

  func notes(_ kind: CoordinatorMachine.Note.Kind) -> [String] {
    compactMap { if case .note(let note) = $0, note.kind == kind { note.text } else { nil } }
  }

  /// Who a note of this kind is about, in order.
  func workers(_ kind: CoordinatorMachine.Note.Kind) -> [String] {
    compactMap { if case .note(let note) = $0, note.kind == kind { note.worker } else { nil } }
  }
}

extension TaskID {
  static func merge(_ attempt: AttemptID) -> TaskID { TaskID(.merge, attempt) }
  static func readBack(_ attempt: AttemptID) -> TaskID { TaskID(.readBack, attempt) }
}
