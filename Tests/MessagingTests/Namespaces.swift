// Two network namespaces joined by a pair of interfaces, for a cable that can be pulled out. For a
// process of its own: the calling thread is moved between them, and no thread moves back.
import Glibc
import Storage

/// Two hosts on one cable: the coordinator's at 10.231.7.1, the worker's at 10.231.7.2.
struct Namespaces {
  static let coordinatorAddress = "10.231.7.1"
  private static let workerAddress = "10.231.7.2"
  private typealias Unshare = @convention(c) (Int32) -> Int32
  private typealias SetNamespace = @convention(c) (Int32, Int32) -> Int32
  private static let newNetwork: Int32 = 0x4000_0000

  private let coordinator: Int32
  private let worker: Int32

  /// Makes both; the calling thread is then on the coordinator's host.
  init() throws {
    worker = try Self.made()
    coordinator = try Self.made()
    try Self.ip(
      "link add coordinator type veth peer name worker netns /proc/\(getpid())/fd/\(worker)")
    try Self.ip("address add \(Self.coordinatorAddress)/24 dev coordinator")
    try Self.ip("link set coordinator up")
    try enterWorker()
    try Self.ip("address add \(Self.workerAddress)/24 dev worker")
    try Self.ip("link set worker up")
    try enterCoordinator()
  }

  func enterCoordinator() throws { try Self.enter(coordinator) }

  func enterWorker() throws { try Self.enter(worker) }

  /// Pulls the cable out at the worker's end, or puts it back.
  func setCable(isIn: Bool) throws {
    try enterWorker()
    try Self.ip("link set worker \(isIn ? "up" : "down")")
    try enterCoordinator()
  }

  /// Why this machine cannot have namespaces; nil where it can.
  static let obstacle: String? = {
    do {
      try ChildProcess.run([
        "unshare", "--net", "ip", "link", "add", "one", "type", "veth", "peer", "name", "two",
      ])
      return nil
    } catch { return "\(error)" }
  }()

  private static func made() throws -> Int32 {
    let unshare = unsafe unsafeBitCast(symbol("unshare"), to: Unshare.self)
    guard unshare(newNetwork) == 0 else {
      throw StorageError.last(.open, "a network namespace", errno: errno)
    }
    return unsafe open("/proc/thread-self/ns/net", O_RDONLY)
  }

  private static func enter(_ namespace: Int32) throws {
    let setNamespace = unsafe unsafeBitCast(symbol("setns"), to: SetNamespace.self)
    guard setNamespace(namespace, newNetwork) == 0 else {
      throw StorageError.last(.open, "a network namespace", errno: errno)
    }
  }

  /// A call that Swift's Glibc module does not carry.
  private static func symbol(_ name: String) -> UnsafeMutableRawPointer {
    guard let symbol = unsafe dlsym(nil, name) else { unreachable("no \(name)") }
    return unsafe symbol
  }

  private static func ip(_ words: String) throws {
    try ChildProcess.run(["ip"] + words.split(separator: " ").map(String.init))
  }
}
