// What the coordinator says, and what its silence means.
import Messaging
import Planning

extension WorkerMachine {
  mutating func hear(_ message: CoordinatorMessage, _ envelope: Envelope, now: Int64) {
    guard envelope.session == settings.life, envelope.epoch >= epoch else { return }
    switch message {
    case .welcome(let folder, let digest, let lease):
      lastWord = now
      welcomed(folder, digest, lease: Int64(lease), epoch: envelope.epoch, now: now)
    case .refuse(let reason): exit(.refused(reason: reason))
    case .dismiss:
      lastWord = now
      epoch = envelope.epoch
      dismissed(now: now)
    case .farewell:
      if leaving != nil, running == nil, flushing == nil {
        exit(leaving?.exit ?? .dismissed)
      }
    case .assign, .settled, .cancel, .heartbeat:
      guard envelope.epoch == epoch else { return meet(envelope.epoch, now: now) }
      hearFromOwn(message, now: now)
    }
  }

  /// A later coordinator has taken over and does not know this worker. The one before has had its
  /// last word.
  private mutating func meet(_ later: UInt64, now: Int64) {
    let isKnown = epoch > 0
    epoch = later
    if contact == .joined { contact = .joining }
    if isKnown, now - (lastHello ?? 0) >= settings.helloMilliseconds { sayHello(now: now) }
  }

  private mutating func welcomed(
    _ folder: String, _ digest: String, lease: Int64, epoch: UInt64, now: Int64
  ) {
    guard planDigest == nil || (planDigest == digest && jobFolder == folder) else {
      return exit(.otherPlan)
    }
    let isReturn = contact != .joined || epoch > self.epoch
    self.epoch = epoch
    jobFolder = folder
    planDigest = digest
    fenceMilliseconds = max(Self.heartbeatMillisecondsMin, lease * 2 / 3)
    contact = .joined
    guard isReturn else { return }
    resendResults(olderThan: 0, now: now)
    report(now: now)
  }

  private mutating func hearFromOwn(_ message: CoordinatorMessage, now: Int64) {
    switch message {
    case .settled(let task):
      lastWord = now
      unsettled.removeAll { $0.task == task }
    case .cancel(let task):
      lastWord = now
      cancel(task, now: now)
    case .assign(let assignment):
      // While fenced this may be an old word on its way for long; it comes again after a welcome.
      guard contact == .joined else { return }
      lastWord = now
      take(assignment, now: now)
    case .heartbeat(let period):
      lastWord = now
      heartbeatMilliseconds = max(Self.heartbeatMillisecondsMin, Int64(period))
    case .welcome, .refuse, .dismiss, .farewell: break
    }
  }

  /// Says at once what would else wait for its next time.
  mutating func connected(now: Int64) {
    guard leaving == nil else { return }
    guard contact == .joined else { return sayHello(now: now) }
    resendResults(olderThan: 0, now: now)
    report(now: now)
  }

  /// The coordinator may give its work away from now on: nothing is asked for until it answers.
  mutating func disconnected() {
    if contact == .joined { contact = .fenced }
  }

  mutating func tick(now: Int64) {
    let silence = now - lastWord
    let grace =
      held.isEmpty ? settings.orphanGraceMilliseconds : settings.orphanGraceWithWorkMilliseconds
    if silence >= grace { return exit(.orphaned(seconds: Int(grace / 1000))) }
    watchDeadline(now: now)
    if contact == .joined, silence >= fenceMilliseconds { contact = .fenced }
    switch contact {
    case .joining, .fenced:
      if lastHello.map({ now - $0 >= settings.helloMilliseconds }) ?? true { sayHello(now: now) }
    case .joined:
      resendResults(olderThan: settings.resendMilliseconds, now: now)
      if now - lastHeartbeat >= heartbeatMilliseconds { report(now: now) }
    }
  }

  mutating func resendResults(olderThan age: Int64, now: Int64) {
    for index in unsettled.indices where now - unsettled[index].sentAt >= age {
      unsettled[index].sentAt = now
      send(.result(unsettled[index].task, unsettled[index].outcome, credit: room))
    }
  }
}
