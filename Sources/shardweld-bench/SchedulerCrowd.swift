// `shardweld-bench scheduler-crowd`: many workers in one process, each with a machine, a life and a
// connection of its own, who merge slowly what they are given and else speak their heartbeats.
// Started by `scheduler --idle`, not by people.
import Messaging
import Storage
import Working

/// Workers driven by one loop.
final class SchedulerCrowd {
  static let subcommand = Subcommand(
    name: "scheduler-crowd", usage: "scheduler-crowd ENDPOINT KEYS COUNT", run: run)

  /// Workers of one process: each has three of libzmq's sockets, of which a process has 1 023.
  static let countMax = 250
  private static let tickMilliseconds: Int64 = 200

  private struct Member {
    let link: DealerLink
    var machine: WorkerMachine
    var running: Assignment?
    var byteCount: Int64 = 0
    var exit: WorkerExit?
  }

  private var members: [Member] = []

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let places = try words.take(3)
    try words.end()
    guard let count = Int(places[2]), 1...countMax ~= count else { throw Words.Misused() }
    return try SchedulerCrowd(places[0], places[1], count).run()
  }

  private init(_ endpoint: String, _ folder: String, _ count: Int) throws {
    let (keys, serverKey) = try KeyFolder.worker(folder)
    for _ in 0..<count {
      let link = try DealerLink(endpoint: endpoint, serverKey: serverKey, keys: keys)
      let machine = WorkerMachine(settings: SchedulerWorker.settings(), now: WorkerShell.now)
      members.append(Member(link: link, machine: machine))
    }
  }

  private func run() -> Int32 {
    var nextTick = WorkerShell.now
    while members.contains(where: { $0.exit == nil }) {
      let left = max(0, nextTick - WorkerShell.now)
      Poll.wait(members.map(\.link), timeoutMilliseconds: Int(left))
      let isTick = WorkerShell.now >= nextTick
      if isTick { nextTick = WorkerShell.now + Self.tickMilliseconds }
      for at in members.indices where members[at].exit == nil {
        hear(at)
        if isTick { tick(at) }
      }
    }
    return members.compactMap { $0.exit?.code }.max() ?? 0
  }

  private func hear(_ at: Int) {
    for event in members[at].link.events() {
      switch event {
      case .connected: tell(at, .connected)
      case .disconnected: tell(at, .disconnected)
      case .refused: members[at].exit = .keyRefused
      case .wrongServerKey: members[at].exit = .wrongServerKey
      }
    }
    while let bytes = members[at].link.receive() {
      do throws(MessageError) {
        let (message, envelope) = try MessageCodec.decodeCoordinator(bytes)
        tell(at, .message(message, envelope))
      } catch {
        members[at].exit = .refused(reason: error.sentence)
      }
    }
  }

  private func tick(_ at: Int) {
    if let running = members[at].running {
      members[at].byteCount += 1
      tell(at, .advanced(running.task, byteCount: members[at].byteCount))
    }
    tell(at, .tick)
  }

  private func tell(_ at: Int, _ event: WorkerMachine.Event) {
    for directive in members[at].machine.on(event, now: WorkerShell.now) {
      switch directive {
      case .send(let message, let envelope):
        // Not sent is as good as lost.
        _ = members[at].link.send(MessageCodec.encode(message, envelope))
      case .start(let assignment, _): members[at].running = assignment
      case .halt:
        if let running = members[at].running {
          members[at].running = nil
          tell(at, .ended(running.task, .handedBack))
        }
      case .exit(let exit): members[at].exit = exit
      }
    }
  }
}
