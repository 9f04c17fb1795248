// Looks at everything that is said and remembers the first rule that is broken.
import Coordination
import Messaging
import Planning
import Working

struct Watch {
  var broken: String?
  /// Who was given a merge attempt first.
  private var owners: [AttemptID: WorkerID] = [:]
  private var views: [WorkerID: View] = [:]
  private var names: [String: WorkerID] = [:]

  /// What the coordinator knows of a worker, reckoned from the words alone.
  private struct View {
    var sequence: UInt64 = 0
    var credit = 0
    var outstanding: [Assignment] = []
  }

  mutating func coordinatorStarts() { views = [:] }

  mutating func coordinatorHears(_ message: WorkerMessage, _ envelope: Envelope, _ id: WorkerID) {
    if case .hello(let host, let processID, _, _) = message { names["\(host)/\(processID)"] = id }
    var view = views[id] ?? View()
    if case .credit(let count) = message, envelope.sequence > view.sequence { view.credit = count }
    view.sequence = max(view.sequence, envelope.sequence)
    views[id] = view
  }

  mutating func coordinatorSays(_ message: CoordinatorMessage, to id: WorkerID) {
    var view = views[id] ?? View()
    switch message {
    case .assign(let assignment):
      guard !view.outstanding.contains(assignment) else { return }
      view.outstanding.append(assignment)
      view.credit -= 1
      if view.credit < 0 { broken = "\(assignment) given beyond the worker's credit" }
      if view.outstanding.count > 2 { broken = "three tasks for one worker: \(view.outstanding)" }
      if case .merge(let attempt, _) = assignment {
        if let owner = owners[attempt], owner != id { broken = "\(attempt) given to two workers" }
        owners[attempt] = id
      }
    case .settled(let kind, let attempt), .cancel(let kind, let attempt):
      view.outstanding.removeAll { $0.kind == kind && $0.attempt == attempt }
    case .welcome, .refuse, .heartbeat, .dismiss, .farewell: break
    }
    views[id] = view
  }

  /// A worker that is lost or has left answers for nothing any more.
  mutating func history(_ note: CoordinatorMachine.Note) {
    guard note.kind == .lost || note.kind == .left, note.attempt == nil,
      let id = names[note.worker]
    else { return }
    views[id]?.outstanding = []
  }
}

/// How the coordinator's socket would name a worker.
enum WorkerIdentity {
  static func of(_ worker: SimulatedWorker) -> WorkerID {
    WorkerID(key: worker.key, life: worker.life)
  }
}
