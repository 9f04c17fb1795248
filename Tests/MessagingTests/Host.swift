// A coordinator's end for tests of links, and the loop that both ends need to get anywhere.
import Messaging
import Storage
import Testing

/// A coordinator's link with its keys, and what the tests do with it over and over.
final class Host {
  let keys = KeyPair.generate()
  let allowList: AllowList
  let scratch: ScratchFolder
  private var link: RouterLink?

  var router: RouterLink {
    guard let link else { unreachable("the router was stopped") }
    return link
  }

  /// The port of a router on TCP.
  var port: UInt16 {
    guard let text = router.endpoint.split(separator: ":").last, let port = UInt16(text) else {
      unreachable("\(router.endpoint) has no port")
    }
    return port
  }

  init(_ endpoint: String? = nil, allowList: AllowList = AllowList()) throws {
    self.allowList = allowList
    scratch = try ScratchFolder()
    link = try RouterLink(
      endpoint: endpoint ?? "ipc://\(scratch.file("s"))", keys: keys, allowList: allowList)
  }

  func stop() { link = nil }

  func serve(_ router: RouterLink) { link = router }

  func worker(named name: String? = "node-1", at endpoint: String? = nil) throws -> DealerLink {
    let pair = KeyPair.generate()
    if let name { allowList.insert(pair.publicKey, name: name) }
    return try DealerLink(
      endpoint: endpoint ?? router.localEndpoint, serverKey: keys.publicKey, keys: pair)
  }

  /// Runs the loop until the condition holds; false where it does not in time.
  func loop(
    _ workers: [DealerLink] = [], seconds: Int = 5, until done: () throws -> Bool
  ) throws -> Bool {
    let links: [Link] = (link.map { [$0] } ?? []) + workers
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    while clock.now < deadline {
      if try done() { return true }
      Poll.wait(links, timeoutMilliseconds: 10)
    }
    return false
  }

  /// Waits until a worker's events hold the given one.
  func loop(_ worker: DealerLink, until event: LinkEvent) throws -> Bool {
    try loop([worker]) { worker.events().contains(event) }
  }

  /// The next message that comes.
  func next(_ workers: [DealerLink] = []) throws -> Incoming? {
    var incoming: Incoming?
    _ = try loop(workers) {
      incoming = link?.receive()
      return incoming != nil
    }
    return incoming
  }

  /// Sends from a worker as soon as it can, and gives what arrives.
  func carry(_ bytes: [UInt8], from worker: DealerLink) throws -> Incoming? {
    guard try loop([worker], until: { worker.send(bytes) }) else { return nil }
    return try next([worker])
  }

  /// A message to the coordinator and one back.
  func roundTrip(_ worker: DealerLink) throws {
    let incoming = try #require(try carry([1, 2, 3], from: worker))
    #expect(incoming.bytes == [1, 2, 3])
    #expect(router.send([4, 5], to: incoming.peer) == .sent)
    var answer: [UInt8]?
    _ = try loop([worker]) {
      answer = worker.receive()
      return answer != nil
    }
    #expect(answer == [4, 5])
  }
}
