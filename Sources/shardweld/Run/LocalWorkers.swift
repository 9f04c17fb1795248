// Worker processes of this machine: started, watched, and replaced when they die. One thread starts
// and reaps them all, so that the kernel can end them with it (a worker outlives no coordinator).
import CLinux
import Coordination
import Dispatch
import Glibc
import Messaging
import Storage
import Synchronization

/// Keeps a number of worker processes alive until told to stop.
final class LocalWorkers: Sendable {
  /// How workers are started.
  struct Recipe: Sendable {
    var count: Int
    /// Words after the program's name.
    var words: [String]
  }

  /// Variable of the environment that tells a worker whose child it is.
  static let parentVariable = "SHARDWELD_PARENT"

  private struct State {
    var processIDs: Set<pid_t> = []
    var isStopping = false
  }

  private let recipe: Recipe
  private let events: Mailbox<ProcessEvent>
  private let log: Log
  private let state = Mutex(State())
  private let thread = DispatchQueue(label: "shardweld.local-workers")

  init(_ recipe: Recipe, events: Mailbox<ProcessEvent>, log: Log) {
    self.recipe = recipe
    self.events = events
    self.log = log
  }

  /// Starts them; returns at once.
  func start() { thread.async { self.watch() } }

  /// Starts no more, and ends those that have not left by themselves within two seconds.
  func stop() {
    state.withLock { $0.isStopping = true }
    for _ in 0..<40 {
      if state.withLock({ $0.processIDs.isEmpty }) { return }
      Host.pause(milliseconds: 50)
    }
    let left = state.withLock { $0.processIDs }
    for processID in left { _ = kill(processID, SIGKILL) }
    thread.sync {}
  }

  /// Starts, reaps and replaces until none is left. A worker that cannot work (bad keys, bad input)
  /// is not replaced; neither is one more than a few times the number wanted.
  private func watch() {
    var replacementsLeft = recipe.count * 3 + 5
    for _ in 0..<recipe.count { spawn() }
    while !state.withLock({ $0.processIDs.isEmpty }) {
      var status: Int32 = 0
      let processID = unsafe waitpid(-1, &status, 0)
      if processID < 0 {
        if errno == EINTR { continue }
        break
      }
      state.withLock { _ = $0.processIDs.remove(processID) }
      events.post(.ended(processID: Int(processID)))
      let exitCode = status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
      if exitCode == 0 || state.withLock({ $0.isStopping }) { continue }
      if exitCode == ExitCode.configuration.rawValue || exitCode == ExitCode.badInput.rawValue {
        continue
      }
      guard replacementsLeft > 0 else { continue }
      replacementsLeft -= 1
      log.warning(
        exitCode < 0
          ? "worker \(processID) was killed by signal \(status & 0x7F); another takes its place"
          : "worker \(processID) ended with exit code \(exitCode); another takes its place")
      spawn()
    }
    events.post(.noneLeft(reason: "all worker processes ended before the work was done"))
  }

  /// Starts one worker in a process group of its own, so that Ctrl-C reaches the coordinator alone.
  private func spawn() {
    guard let program = Path.resolved("/proc/self/exe") else { return }
    var arguments = unsafe ([program] + recipe.words).map { unsafe strdup($0) } + [nil]
    var environment = unsafe Self.environment.map { unsafe strdup($0) } + [nil]
    defer {
      for index in unsafe arguments.indices { unsafe free(arguments[index]) }
      for index in unsafe environment.indices { unsafe free(environment[index]) }
    }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var processID: pid_t = 0
    let code = unsafe posix_spawn(
      &processID, program, nil, &attributes, &arguments, &environment)
    guard code == 0 else {
      log.error(
        "cannot start a worker: \(StorageError.refused(.open, path: program, errno: code).sentence)"
      )
      return
    }
    state.withLock { _ = $0.processIDs.insert(processID) }
  }

  /// This process's environment, with the parent's number for the child.
  private static var environment: [String] {
    var variables: [String] = []
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let variable = unsafe String(cString: text)
      if !variable.hasPrefix(parentVariable + "=") { variables.append(variable) }
      unsafe entry += 1
    }
    return variables + ["\(parentVariable)=\(getpid())"]
  }
}
