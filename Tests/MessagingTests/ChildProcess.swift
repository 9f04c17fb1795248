// A command of this machine. Foundation's own waits on a run loop, which the processes that tests
// with limits and namespaces of their own run in do not have.
import Glibc

/// A process begun by a test, which ends it.
struct ChildProcess {
  /// A command that failed.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let identity: pid_t

  /// Looks the first word up in PATH. What the process says is dropped.
  init(_ words: [String]) throws {
    var arguments = unsafe words.map { unsafe strdup($0) }
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    unsafe arguments.append(nil)
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 1...2 as ClosedRange<Int32> {
      unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    var identity = pid_t()
    let status = unsafe posix_spawnp(&identity, words[0], &actions, nil, arguments, environ)
    guard status == 0 else { throw Failure(description: "\(words[0]) cannot be run") }
    self.identity = identity
  }

  /// Runs a command to its end; anything but success is an error.
  static func run(_ words: [String]) throws {
    guard try ChildProcess(words).wait() == 0 else {
      throw Failure(description: "failed: \(words.joined(separator: " "))")
    }
  }

  func kill() {
    _ = Glibc.kill(identity, SIGKILL)
    _ = wait()
  }

  private func wait() -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(identity, &status, 0) < 0 && errno == EINTR {}
    return status
  }
}
