// Runs a program and watches it: how long it took, and the most memory that it and each process it
// started had at any moment (VmHWM, which the kernel keeps per process from its exec on).
import Glibc
import Storage

/// What one run of a program took.
struct ChildProcess {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  let milliseconds: Double
  /// Of the program itself, in bytes; 0 where it ended before it was looked at.
  let peakByteCount: Int64
  /// Of the largest process that it started; 0 where it started none.
  let childPeakByteCount: Int64
  /// How many processes of its own it was seen to have at once.
  let childCount: Int

  /// The path of this program, for runs of itself.
  static var ownProgram: String { Path.resolved("/proc/self/exe") ?? CommandLine.arguments[0] }

  /// Time between looks at the program, and looks between those at its memory.
  private static let lookMicroseconds: UInt32 = 1000
  private static let looksPerSample = 10

  /// Runs a program to its end; its output goes to a file that is quoted where it fails.
  static func run(_ command: [String], log: String) throws -> ChildProcess {
    let clock = ContinuousClock()
    let start = clock.now
    let process = try spawn(command, log: log)
    var peaks: [pid_t: Int64] = [:]
    var most = 0
    var status: Int32 = 0
    for look in 0... {
      let ended = unsafe waitpid(process, &status, WNOHANG)
      if ended == process { break }
      if ended < 0, errno != EINTR { throw Failed(description: "\(command[0]) is lost: \(errno)") }
      if look % looksPerSample == 0 {
        let children = children(of: process)
        most = max(most, children.count)
        for member in [process] + children {
          peaks[member] = max(peaks[member] ?? 0, peakMemory(of: member))
        }
      }
      _ = usleep(lookMicroseconds)
    }
    let passed = (clock.now - start) / .milliseconds(1)
    guard status == 0 else {
      let text = String(decoding: try WholeFile.read(log), as: UTF8.self)
      throw Failed(
        description: "\(command.joined(separator: " ")) ended with status \(status):\n\(text)")
    }
    let own = peaks.removeValue(forKey: process) ?? 0
    return ChildProcess(
      milliseconds: passed, peakByteCount: own, childPeakByteCount: peaks.values.max() ?? 0,
      childCount: most)
  }

  /// Starts a program with no signal held back; its output goes to a file. `variables` are added to
  /// this process's environment.
  static func spawn(
    _ command: [String], log: String, variables: [String] = []
  ) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(
      &actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = unsafe command.map { unsafe strdup($0) } + [nil]
    var environment = unsafe (Host.environment + variables).map { unsafe strdup($0) } + [nil]
    defer {
      for index in unsafe words.indices { unsafe free(words[index]) }
      for index in unsafe environment.indices { unsafe free(environment[index]) }
    }
    var process: pid_t = 0
    let code = unsafe posix_spawnp(
      &process, command[0], &actions, &attributes, &words, &environment)
    guard code == 0 else { throw Failed(description: "cannot start \(command[0]): error \(code)") }
    return process
  }

  // MARK: /proc

  /// Processes started by any thread of a process. Whoever is gone has none.
  static func children(of process: pid_t) -> [pid_t] {
    let tasks = "/proc/\(process)/task"
    do {
      return try Folder.list(tasks).flatMap { task in
        ProcFile.text(of: "\(tasks)/\(task)/children").split(separator: " ").compactMap {
          pid_t($0)
        }
      }
    } catch { return [] }
  }

  private static func peakMemory(of process: pid_t) -> Int64 {
    ProcFile.byteCount(of: "VmHWM", in: ProcFile.text(of: "/proc/\(process)/status"))
  }
}
