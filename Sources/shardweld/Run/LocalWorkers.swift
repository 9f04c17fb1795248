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
    /// The seat that each living process has.
    var seats: [pid_t: Int] = [:]
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
    for _ in 0..<400 {
      if state.withLock({ $0.seats.isEmpty }) { break }
      Host.pause(milliseconds: 5)
    }
    for processID in state.withLock({ Array($0.seats.keys) }) { _ = kill(processID, SIGKILL) }
    thread.sync {}
  }

  /// Starts, reaps and replaces until none is left and none shall come.
  private func watch() {
    var seats = [WorkerSeat](repeating: WorkerSeat(), count: recipe.count)
    while true {
      let isStopping = state.withLock { $0.isStopping }
      for seat in seats.indices {
        guard let due = seats[seat].dueAt else { continue }
        if isStopping {
          seats[seat].close()
        } else if due <= Clock.milliseconds {
          seats[seat].start(now: Clock.milliseconds)
          if !spawn(seat) { seats[seat].close() }
        }
      }
      let isWaiting = seats.contains { $0.dueAt != nil }
      guard isWaiting || state.withLock({ !$0.seats.isEmpty }) else { break }
      // While somebody is due, nobody's end may be waited for.
      var status: Int32 = 0
      let processID = unsafe waitpid(-1, &status, isWaiting ? WNOHANG : 0)
      if processID > 0 {
        ended(processID, status, &seats)
      } else if isWaiting {
        Host.pause(milliseconds: 20)
      } else if errno != EINTR {
        break
      }
    }
    events.post(.noneLeft(reason: "all worker processes ended before the work was done"))
  }

  /// A worker that was dismissed, or cannot work (bad keys, bad input, a machine that computes
  /// wrongly), has no successor.
  private func ended(_ processID: pid_t, _ status: Int32, _ seats: inout [WorkerSeat]) {
    let seat = state.withLock { $0.seats.removeValue(forKey: processID) }
    events.post(.ended(processID: Int(processID)))
    let exitCode = status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    let isFinal = [ExitCode.done, .configuration, .badInput].map(\.rawValue).contains(exitCode)
    guard let seat, !isFinal, !state.withLock({ $0.isStopping }) else { return }
    let end =
      exitCode < 0 ? "was killed by signal \(status & 0x7F)" : "ended with exit code \(exitCode)"
    seats[seat].vacate(now: Clock.milliseconds)
    log.warning(
      "worker \(processID) \(end); "
        + (seats[seat].dueAt != nil
          ? "another takes its place"
          : "so did the \(seats[seat].shortLives - 1) before it, at once; no other is started"))
  }

  /// Starts one worker in a process group of its own, so that Ctrl-C reaches the coordinator alone;
  /// false where it cannot be started.
  private func spawn(_ seat: Int) -> Bool {
    guard let program = Path.resolved("/proc/self/exe") else { return false }
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
    let code = unsafe posix_spawn(&processID, program, nil, &attributes, &arguments, &environment)
    guard code == 0 else {
      log.error(
        "cannot start a worker: \(StorageError.refused(.open, path: program, errno: code).sentence)"
      )
      return false
    }
    let isLate = state.withLock { state in
      state.seats[processID] = seat
      return state.isStopping
    }
    // Told to stop meanwhile: this one was not there yet to be ended.
    if isLate { _ = kill(processID, SIGKILL) }
    return true
  }

  /// This process's environment, with the parent's number for the child.
  private static var environment: [String] {
    Host.environment.filter { !$0.hasPrefix(parentVariable + "=") }
      + ["\(parentVariable)=\(getpid())"]
  }
}
