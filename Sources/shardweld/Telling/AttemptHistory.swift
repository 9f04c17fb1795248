// The journal's lines put together to stories: every attempt at every job, and who is at work. The
// commit records are the truth about what is done; the journal adds who, when and why.
import Coordination
import Ledger
import Planning

/// All attempts that a job's folder tells of.
struct AttemptHistory: Equatable, Sendable {
  /// By job, oldest first.
  private(set) var attempts: [Int: [AttemptStory]] = [:]
  /// Workers of the newest coordinator that neither left nor were lost, by name.
  private(set) var workers: [String] = []

  /// Attempts that a worker was given, to be ended where it is lost.
  private var held: [String: [AttemptID]] = [:]
  /// Attempts that ended with their worker, by worker, for as long as it says no word.
  private var deaths: [String: [AttemptID]] = [:]
  /// Attempts that the newest coordinator gave out or adopted.
  private var current: Set<AttemptID> = []

  init(_ history: JobHistory) {
    var live: Set<String> = []
    for (index, entry) in history.journal.enumerated() {
      if index == history.currentStart {
        live = []
        current = []
      }
      guard let kind = CoordinatorMachine.Note.Kind(rawValue: entry.kind) else { continue }
      if let id = entry.attempt {
        guard history.plan.jobs.indices.contains(id.job) else { continue }
        hear(kind, entry, id)
      }
      guard !entry.worker.isEmpty else { continue }
      switch kind {
      case .back:
        if entry.attempt == nil { acquit(entry.worker) }
        live.insert(entry.worker)
      case .joined, .assigned, .adopted, .merged, .readBack: live.insert(entry.worker)
      case .away: live.remove(entry.worker)
      case .lost, .barred:
        leave(entry, .lost(entry.text))
        live.remove(entry.worker)
      case .left where entry.attempt == nil:
        leave(entry, .left)
        live.remove(entry.worker)
      default: break
      }
    }
    if history.isRunning, history.currentStart < history.journal.count { workers = live.sorted() }
    settle(history)
  }

  /// Tries at all jobs together.
  var attemptCount: Int { attempts.values.reduce(0) { $0 + $1.count } }
  /// Tries that followed one that failed or was lost.
  var retryCount: Int {
    attempts.values.reduce(0) { sum, stories in
      sum + min(stories.count - 1, stories.count { $0.ending?.isFailure == true })
    }
  }

  /// Attempts that are under way, those with the longest task first.
  var underWay: [AttemptStory] {
    attempts.values.lazy.flatMap { $0 }.filter { $0.ending == nil }
      .sorted { ($0.task?.since ?? .max, $0.id) < ($1.task?.since ?? .max, $1.id) }
  }

  // MARK: Putting together

  private mutating func hear(
    _ kind: CoordinatorMachine.Note.Kind, _ entry: JournalEntry, _ id: AttemptID
  ) {
    switch kind {
    case .assigned:
      held[entry.worker, default: []].append(id)
      current.insert(id)
      change(id) { story in
        if entry.text == AttemptStory.Task.readBack.rawValue {
          story.readBacks.append(ReadBackStory(worker: entry.worker, began: entry.time))
        } else {
          (story.worker, story.began) = (entry.worker, entry.time)
        }
      }
    case .merged: change(id) { $0.merged = entry.time }
    case .readBack: change(id) { Self.endReading(&$0, .matched, entry) }
    case .mismatch: change(id) { Self.endReading(&$0, .failed(entry.text), entry) }
    case .committed:
      change(id) { $0.end(.committed, at: entry.time) }
      endOthers(of: id.job, .agreed, at: entry.time)
    case .adopted:
      held[entry.worker, default: []].append(id)
      current.insert(id)
      change(id) { $0.adopt(by: entry.worker, at: entry.time) }
    case .failed: change(id) { $0.end(.failed(entry.text), at: entry.time) }
    case .handedBack: change(id) { $0.release(by: entry.worker, .handedBack, at: entry.time) }
    case .declined: change(id) { $0.release(by: entry.worker, .declined, at: entry.time) }
    case .withdrawn, .cancelled:
      change(id) { $0.release(by: entry.worker, .withdrawn(entry.text), at: entry.time) }
    case .died:
      deaths[entry.worker, default: []].append(id)
      change(id) { $0.blame(entry.worker, entry.text, at: entry.time) }
    case .settled: change(id) { $0.end(.failed(entry.text), at: entry.time) }
    case .quarantined:
      endOthers(of: id.job, .withdrawn("its job was given up"), at: entry.time)
    case .joined, .away, .back, .lost, .left, .barred, .drained, .copied, .still, .suspected,
      .disputed, .unaudited, .ending:
      break
    }
  }

  /// Ends the attempts at a job that are written and not needed any more.
  private mutating func endOthers(of job: Int, _ ending: AttemptEnding, at time: Int64) {
    for story in attempts[job] ?? [] where story.ending == nil {
      change(story.id) { $0.end(ending, at: time) }
    }
  }

  /// A worker thought dead has spoken: its jobs are charged with nothing.
  private mutating func acquit(_ worker: String) {
    for id in Set(deaths.removeValue(forKey: worker) ?? []) {
      change(id) { story in
        if case .died(let reason) = story.ending { story.ending = .lost(reason) }
      }
    }
  }

  /// A reading that was thought lost may still be answered, so it need not be under way.
  private static func endReading(
    _ story: inout AttemptStory, _ ending: AttemptEnding, _ entry: JournalEntry
  ) {
    guard let index = story.readBacks.lastIndex(where: { $0.worker == entry.worker }) else {
      let reading = ReadBackStory(worker: entry.worker, ended: entry.time, ending: ending)
      return story.readBacks.append(reading)
    }
    story.readBacks[index].ended = entry.time
    story.readBacks[index].ending = ending
  }

  /// Changes an attempt's story, begun here where the journal has lost its first line.
  private mutating func change(_ id: AttemptID, _ step: (inout AttemptStory) -> Void) {
    var stories = attempts[id.job] ?? []
    let index = stories.lastIndex { $0.id == id } ?? stories.count
    if index == stories.count { stories.append(AttemptStory(id)) }
    step(&stories[index])
    attempts[id.job] = stories
  }

  private mutating func leave(_ entry: JournalEntry, _ ending: AttemptEnding) {
    for id in held.removeValue(forKey: entry.worker) ?? [] {
      change(id) { $0.release(by: entry.worker, ending, at: entry.time) }
    }
  }

  /// What the journal cannot know: which records stand, and that a coordinator is dead.
  private mutating func settle(_ history: JobHistory) {
    for (job, record) in history.committed {
      change(record.attempt) { story in
        if story.worker.isEmpty { story.worker = "\(record.host)/\(record.processID)" }
        if story.ending != .committed { story.end(.committed, at: story.ended) }
        if story.readBacks.isEmpty, !record.readBackBy.isEmpty {
          story.readBacks = [ReadBackStory(worker: record.readBackBy, ending: .matched)]
        }
      }
      attempts[job]?.sort { ($0.id.epoch, $0.id.attempt) < ($1.id.epoch, $1.id.attempt) }
    }
    let setAside = Set(history.setAside.compactMap { Int($0.prefix { $0.isNumber }) })
    for (job, stories) in attempts {
      let isSetAside = setAside.contains(job)
      for index in stories.indices {
        let story = stories[index]
        if story.ending == nil, !history.isRunning || !current.contains(story.id) {
          attempts[job]![index].end(.cutOff, at: nil)
        }
        if story.ending == .committed, isSetAside, story.id != history.committed[job]?.attempt {
          attempts[job]![index].ending = .setAside
        }
      }
    }
  }
}
