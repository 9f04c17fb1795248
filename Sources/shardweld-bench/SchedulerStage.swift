// What every measurement of the coordinator needs: a folder with keys, the link, jobs that are
// nothing but numbers, and worker processes, which are this program again.
import Coordination
import Glibc
import Messaging
import Planning
import Storage
import TestSupport

/// A coordinator's surroundings, and the processes that connect to it.
final class SchedulerStage {
  let scratch = Scratch()
  let link: RouterLink
  /// Where workers connect.
  let endpoint: String
  private var processes: [pid_t] = []

  var keys: String { scratch("keys") }

  /// `transport`: `tcp` or `ipc`. `port`: of one's own choice, or nil for any.
  init(transport: String) throws {
    try KeyFolder.create(scratch("keys"), workers: ["bench"])
    let (pair, allowed) = try KeyFolder.coordinator(scratch("keys"))
    let place = transport == "ipc" ? "ipc://" + scratch("socket") : "tcp://127.0.0.1:*"
    link = try RouterLink(endpoint: place, keys: pair, allowList: allowed)
    endpoint = link.localEndpoint
  }

  /// Jobs of which nothing is known but their number and size.
  static func jobs(_ count: Int, byteCount: Int64, memoryByteCount: Int64 = 0) -> [JobFacts] {
    let slice = PlanSlice(offset: 0, byteCount: 1, digest: Digest.xxh3("").description)
    return (0..<count).map { id in
      JobFacts(
        id: id, shardName: "model-\(id + 1)-of-\(count).safetensors", byteCount: byteCount,
        memoryByteCount: memoryByteCount, slice: slice)
    }
  }

  /// The real shell over this link.
  func shell(
    jobs: [JobFacts], disk: any CoordinatorDisk, signals: SignalSource? = nil,
    options: CoordinatorShell.Options = .init(),
    report: @escaping (ProgressSnapshot) -> Void = { _ in }
  ) -> CoordinatorShell {
    CoordinatorShell(
      jobs: jobs, folder: JobFolder(path: scratch("job")), epoch: 1,
      planDigest: Digest.xxh3("plan").description, disk: disk, link: link, signals: signals,
      options: options, report: report)
  }

  /// Starts this program again, with a hidden subcommand.
  func start(_ words: [String]) throws {
    guard let program = Path.resolved("/proc/self/exe") else {
      throw ChildProcess.Failed(description: "this program's own file is not to be found")
    }
    let log = scratch("log-\(processes.count)")
    processes.append(try ChildProcess.spawn([program] + words, log: log))
  }

  /// Waits for the end of all processes; throws where one failed.
  func finish() throws {
    for (number, process) in processes.enumerated() {
      var status: Int32 = 0
      while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
      guard status != 0 else { continue }
      let text = String(decoding: try WholeFile.read(scratch("log-\(number)")), as: UTF8.self)
      throw ChildProcess.Failed(description: "a worker ended with status \(status): \(text)")
    }
    processes = []
  }

  deinit {
    for process in processes { _ = kill(process, SIGKILL) }
    for process in processes { _ = waitpid(process, nil, 0) }
  }
}
