// The workers of `scheduler`: real loops and links, tasks that take no time.
import Dispatch
import Messaging
import Planning
import Storage
import Working

enum SchedulerWorker {
  static let subcommand = Subcommand(
    name: "scheduler-worker", usage: "scheduler-worker --connect ADDRESS --keys DIR --links N",
    run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let endpoint = words.text("connect"), let keys = words.text("keys") else {
      throw Words.Misused()
    }
    let count = Int(try words.number("links") ?? 1)
    try words.end()
    let group = DispatchGroup()
    for number in 0..<count {
      let thread = Thread(number: number, endpoint: endpoint, keys: keys)
      DispatchQueue(label: "worker \(number)").async(group: group) { thread.work() }
    }
    group.wait()
    return 0
  }

  /// One worker.
  private struct Thread: Sendable {
    let number: Int
    let endpoint: String
    let keys: String

    func work() {
      do throws(MessagingError) {
        let (pair, server) = try KeyFolder.worker(keys)
        let link = try DealerLink(endpoint: endpoint, serverKey: server, keys: pair)
        let settings = WorkerSettings(
          host: Host.name, processID: Host.processID * 1_000 + number, threads: 1,
          memoryByteCount: 1, life: .random(in: 1 ... .max))
        _ = WorkerShell(link: link, signals: nil, settings: settings, thread: NoWork()).run()
      } catch { return }
    }
  }
}

/// Is done with every task at once.
private final class NoWork: TaskThread {
  let events = Mailbox<WorkerMachine.Event>()
  let movedByteCount: Int64 = 0

  func start(_ assignment: Assignment, in folder: JobFolder, stop: StopFlag) {
    let outcome: Outcome =
      switch assignment.kind {
      case .merge: .merged(byteCount: 1000, digest: "xxh3:same", recordDigest: "xxh3:record")
      case .readBack: .readBack(byteCount: 1000, digest: "xxh3:same")
      }
    events.post(.ended(assignment.task, outcome))
  }

  func rest(milliseconds: Int) {}
}
