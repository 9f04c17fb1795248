// `shardweld-bench scheduler-worker`: a real worker's loop, link and key in a process of its own,
// whose merges take no time. Started by `scheduler`, not by people.
import Messaging
import Planning
import Storage
import Working

enum SchedulerWorker {
  static let subcommand = Subcommand(
    name: "scheduler-worker", usage: "scheduler-worker ENDPOINT KEYS", run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    let places = try words.take(2)
    try words.end()
    let signals = SignalSource()
    let (keys, serverKey) = try KeyFolder.worker(places[1])
    let link = try DealerLink(endpoint: places[0], serverKey: serverKey, keys: keys)
    let shell = WorkerShell(
      link: link, signals: signals, settings: settings(), thread: InstantThread())
    return shell.run().code
  }

  static func settings() -> WorkerSettings {
    WorkerSettings(
      host: Host.name, processID: Host.processID, threads: 1, memoryByteCount: 256_000_000,
      life: .random(in: 1 ... .max))
  }
}

/// Ends every task as soon as it begins.
final class InstantThread: TaskThread {
  static let byteCount: Int64 = 1_000
  private static let digest = Digest.xxh3("").description

  let events = Mailbox<WorkerMachine.Event>()

  func start(_ assignment: Assignment, in folder: JobFolder, stop: StopFlag) {
    events.post(.ended(assignment.task, Self.outcome(assignment.kind)))
  }

  func rest(milliseconds: Int) {}

  private static func outcome(_ kind: Assignment.Kind) -> Outcome {
    switch kind {
    case .merge: .merged(byteCount: byteCount, digest: digest, recordDigest: digest)
    case .readBack: .readBack(byteCount: byteCount, digest: digest)
    }
  }
}
