// Runs the built `shardweld` as its users do: a process of its own, words in, exit code and both
// streams out. The streams go through files, so that no pipe can fill up and nothing has to be
// drained while the process runs.
import Foundation
import Glibc

/// One run of the program.
struct Command {
  /// How a run ended and what it said.
  struct Outcome: CustomStringConvertible {
    var words: [String]
    /// The exit code, or the signal that ended it as a negative number.
    var exitCode: Int32
    /// Standard output.
    var output: String
    /// Standard error.
    var errors: String

    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    var description: String {
      "shardweld \(words.joined(separator: " "))\nexit code \(exitCode)\n\(output)\(errors)"
    }
  }

  /// Why no process could be started or waited for.
  struct Failure: Error {
    var what: String
    var errno: Int32
  }

  /// The program lies beside the test bundle, in .build/debug or .build/release.
  static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "shardweld").path()

  let words: [String]
  let processID: pid_t
  private let streams: URL

  /// Runs the program, or another one, to its end. `environment` is laid over the test's own.
  static func run(
    _ words: [String], environment: [String: String] = [:], program: String = program
  ) throws -> Outcome {
    try Command(words, environment: environment, program: program).wait()
  }

  /// Starts the program; `wait` must follow.
  init(
    _ words: [String], environment: [String: String] = [:], program: String = Self.program
  ) throws {
    self.words = words
    streams = FileManager.default.temporaryDirectory
      .appending(path: "shardweld-streams-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: streams, withIntermediateDirectories: false)

    var actions = unsafe posix_spawn_file_actions_t()
    _ = unsafe posix_spawn_file_actions_init(&actions)
    defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
    _ = unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (descriptor, name) in [(STDOUT_FILENO, "output"), (STDERR_FILENO, "errors")] {
      let path = streams.appending(path: name).path()
      _ = unsafe posix_spawn_file_actions_addopen(
        &actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var arguments = unsafe ([program] + words).map { unsafe strdup($0) } + [nil]
    var settings = unsafe variables.map { unsafe strdup("\($0)=\($1)") } + [nil]
    defer {
      for index in unsafe arguments.indices { unsafe free(arguments[index]) }
      for index in unsafe settings.indices { unsafe free(settings[index]) }
    }
    var processID: pid_t = 0
    let code = unsafe posix_spawn(
      &processID, program, &actions, nil, &arguments, &settings)
    guard code == 0 else { throw Failure(what: "start \(program)", errno: code) }
    self.processID = processID
  }

  /// Sends a signal.
  func send(_ signal: Int32) { kill(processID, signal) }

  /// Waits for the end; the streams' files are removed.
  func wait() throws -> Outcome {
    var status: Int32 = 0
    while unsafe waitpid(processID, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(what: "wait for \(processID)", errno: errno) }
    }
    return try outcome(status)
  }

  /// The same, but who is not done after so many seconds is killed: a hang is a failure, and its
  /// end by SIGKILL tells of it.
  func wait(seconds: Int) throws -> Outcome {
    for _ in 0..<seconds * 200 {
      if let outcome = try look() { return outcome }
      usleep(5_000)
    }
    send(SIGKILL)
    return try wait()
  }

  /// The same without holding a thread meanwhile, for runs that take long.
  func end(seconds: Int) async throws -> Outcome {
    for _ in 0..<seconds * 20 {
      if let outcome = try look() { return outcome }
      try await Task.sleep(for: .milliseconds(50))
    }
    send(SIGKILL)
    return try wait()
  }

  /// The outcome where the process has ended; to be asked no more then.
  private func look() throws -> Outcome? {
    var status: Int32 = 0
    let ended = unsafe waitpid(processID, &status, WNOHANG)
    guard ended >= 0 || errno == EINTR else {
      throw Failure(what: "wait for \(processID)", errno: errno)
    }
    return ended == processID ? try outcome(status) : nil
  }

  private func outcome(_ status: Int32) throws -> Outcome {
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: streams.appending(path: name)), as: UTF8.self)
    }
    let outcome = Outcome(
      words: words, exitCode: status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F),
      output: try text("output"), errors: try text("errors"))
    try FileManager.default.removeItem(at: streams)
    return outcome
  }
}
