// Two hosts on one machine: network namespaces joined by one cable, which can be pulled. Nothing of
// the machine's own network is touched.
import Foundation
import Synchronization

/// Two namespaces, removed with their owner.
final class NetworkNamespaces: Sendable {
  /// Why there can be none here; nil where there can.
  static let refusal: String? = {
    guard program != nil else { return "ip (Debian's iproute2) is not installed" }
    do { _ = try NetworkNamespaces() } catch { return "\(error)" }
    return nil
  }()

  struct Refused: Error, CustomStringConvertible {
    var description: String
  }

  static let addresses = ["10.213.77.1", "10.213.77.2"]
  private static let cable = "cable"
  private static let made = Mutex(0)
  private static let program = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  let names: [String]

  init() throws {
    let number = Self.made.withLock { made in
      made += 1
      return made
    }
    names = ["a", "b"].map { "shardweld-\(getpid())-\(number)\($0)" }
    for name in names { try Self.ip("netns", "add", name) }
    try Self.ip(
      "-n", names[0], "link", "add", Self.cable, "type", "veth", "peer", "name", Self.cable,
      "netns", names[1])
    for (name, address) in zip(names, Self.addresses) {
      try Self.ip("-n", name, "address", "add", address + "/24", "dev", Self.cable)
      try Self.ip("-n", name, "link", "set", "lo", "up")
      try Self.ip("-n", name, "link", "set", Self.cable, "up")
    }
  }

  deinit {
    // What runs in a namespace keeps it alive; its name goes in any case.
    for name in names {
      do { try Self.ip("netns", "delete", name) } catch { print("left behind: \(error)") }
    }
  }

  /// The words that start a program on the first or the second host.
  func launcher(_ host: Int) -> [String] { [Self.program!, "netns", "exec", names[host]] }

  /// Pulls the cable or plugs it in again.
  func setCable(_ isUp: Bool) throws {
    try Self.ip("-n", names[0], "link", "set", Self.cable, isUp ? "up" : "down")
  }

  private static func ip(_ words: String...) throws {
    let run = try Command.run(words, program: program!)
    guard run.exitCode == 0 else {
      throw Refused(description: "ip \(words.joined(separator: " ")): \(run.errors)")
    }
  }
}
