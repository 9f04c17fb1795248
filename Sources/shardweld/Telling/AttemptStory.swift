// One try at one job as the journal tells it: who had it, since when, and how it ended.
import Planning

/// How an attempt, or somebody's reading of it, ended.
enum AttemptEnding: Equatable, Sendable {
  case committed
  /// Made the same bytes as the attempt that was committed, and was not needed.
  case agreed
  /// Read back as it was written.
  case matched
  case failed(String)
  case handedBack
  /// Given back: the worker's own time would have ended first.
  case declined
  case withdrawn(String)
  /// The worker fell silent or is gone; its job is charged with nothing.
  case lost(String)
  /// The same with this merge running: a death that its job is charged with.
  case died(String)
  /// The worker said goodbye.
  case left
  /// Its coordinator ended first.
  case cutOff
  /// Committed, but the record was found wrong later.
  case setAside

  /// True where something went wrong and the job had to be tried again.
  var isFailure: Bool {
    switch self {
    case .failed, .lost, .died, .left, .cutOff, .setAside: true
    case .committed, .agreed, .matched, .handedBack, .declined, .withdrawn: false
    }
  }

  /// One word for programs.
  var word: String {
    switch self {
    case .committed: "committed"
    case .agreed: "agreed"
    case .matched: "matched"
    case .failed: "failed"
    case .handedBack: "handedBack"
    case .declined: "declined"
    case .withdrawn: "withdrawn"
    case .lost: "lost"
    case .died: "died"
    case .left: "left"
    case .cutOff: "cutOff"
    case .setAside: "setAside"
    }
  }

  /// The reason that was noted, empty where none was.
  var reason: String {
    switch self {
    case .failed(let text), .withdrawn(let text), .lost(let text), .died(let text): text
    case .committed, .agreed, .matched, .handedBack, .declined, .left, .cutOff, .setAside: ""
    }
  }

  var sentence: String {
    switch self {
    case .committed: "committed"
    case .agreed: "made the same bytes"
    case .matched: "read back the same"
    case .failed: reason.isEmpty ? "failed" : "failed: \(reason)"
    case .handedBack: "handed back by the worker"
    case .declined: "declined: the worker's time ends first"
    case .withdrawn: reason.isEmpty ? "withdrawn" : "withdrawn: \(reason)"
    case .lost: reason.isEmpty ? "worker lost" : "worker lost: \(reason)"
    case .died: reason.isEmpty ? "worker died" : "worker died: \(reason)"
    case .left: "the worker left"
    case .cutOff: "cut off when the coordinator ended"
    case .setAside: "committed, but its record was set aside later"
    }
  }
}

/// Somebody's reading of a written shard.
struct ReadBackStory: Equatable, Sendable {
  /// `host/processID`.
  var worker: String
  /// Milliseconds since 1970; nil where the journal does not tell.
  var began: Int64?
  var ended: Int64?
  /// nil while it is under way.
  var ending: AttemptEnding?
}

/// A try at a job.
struct AttemptStory: Equatable, Sendable {
  var id: AttemptID
  /// Who merges, as `host/processID`; empty where the journal does not tell.
  var worker = ""
  /// Milliseconds since 1970; nil where the journal does not tell.
  var began: Int64?
  /// When a coordinator took it up that had not given it out, or had given it up.
  var adopted: Int64?
  /// When its shard was written.
  var merged: Int64?
  var readBacks: [ReadBackStory] = []
  var ended: Int64?
  /// nil while it is under way.
  var ending: AttemptEnding?

  init(_ id: AttemptID) { self.id = id }

  /// What is done for it now.
  enum Task: String, Sendable {
    case merge, readBack
    /// Written; somebody will look at it.
    case waiting
    /// Read back the same; its record is being written.
    case commit
  }

  /// The task under way, with who has it and since when; nil once the attempt has ended.
  var task: (kind: Task, worker: String, since: Int64?)? {
    guard ending == nil else { return nil }
    guard merged != nil else { return (.merge, worker, began) }
    if let reading = readBacks.last(where: { $0.ending == nil }) {
      return (.readBack, reading.worker, reading.began)
    }
    if let last = readBacks.last, last.ending == .matched { return (.commit, "", last.ended) }
    return (.waiting, "", readBacks.last?.ended ?? merged)
  }

  /// Goes on under a coordinator that found it running, or that had given it up.
  mutating func adopt(by worker: String, at time: Int64) {
    self.worker = worker
    if began == nil { began = time }
    adopted = time
    ended = nil
    ending = nil
  }

  /// Charges the job with the loss of its worker, or with a merge that moved no byte.
  mutating func blame(_ worker: String, _ reason: String, at time: Int64) {
    if case .lost(let how) = ending, worker == self.worker {
      ending = .died(how)
    } else {
      release(by: worker, .failed(reason), at: time)
    }
  }

  /// From the assignment to the end, nil where either is not known.
  var milliseconds: Int64? {
    guard let began, let ended else { return nil }
    return max(0, ended - began)
  }

  /// Ends the attempt and every reading of it that is under way.
  mutating func end(_ ending: AttemptEnding, at time: Int64?) {
    self.ending = ending
    ended = time
    for index in readBacks.indices where readBacks[index].ending == nil {
      readBacks[index].ending = ending
      readBacks[index].ended = time
    }
  }

  /// Ends what a worker does for the attempt: the merge, or once that is written its reading.
  mutating func release(by worker: String, _ ending: AttemptEnding, at time: Int64) {
    guard self.ending == nil else { return }
    if merged == nil {
      if worker == self.worker { end(ending, at: time) }
      return
    }
    guard let index = readBacks.lastIndex(where: { $0.worker == worker && $0.ending == nil })
    else { return }
    readBacks[index].ending = ending
    readBacks[index].ended = time
  }
}
