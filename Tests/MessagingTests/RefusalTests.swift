// Keys that are unknown, withdrawn, expired or used from elsewhere: what both sides are told, at
// the handshake and at a message.
import CZeroMQ
import Glibc
import Messaging
import Planning
import Storage
import Testing

private let hello = MessageCodec.encode(
  WorkerMessage.goodbye, Envelope(epoch: 7, session: 99, sequence: 3))

/// A coordinator with a list in a file, and one worker's key.
private final class ListedHost {
  let scratch: ScratchFolder
  let clock: TestClock
  let host: Host
  let pair = KeyPair.generate()
  var key: PublicKey { pair.publicKey }

  init(_ endpoint: String? = "tcp://127.0.0.1:*", _ options: String = "") throws {
    scratch = try ScratchFolder()
    clock = try TestClock("2027-01-01")
    try scratch.write("\(pair.publicKey) node-1 \(options)\n", "list")
    let list = try AllowList(path: scratch.file("list"), clock: clock.read)
    host = try Host(endpoint, allowList: list)
  }

  func worker() throws -> DealerLink {
    try DealerLink(
      endpoint: host.router.localEndpoint, serverKey: host.keys.publicKey, keys: pair)
  }

  /// Runs until a worker was refused at its handshake; what the coordinator then says.
  func refusalAtHandshake() throws -> [String] {
    let worker = try worker()
    var events: [LinkEvent] = []
    _ = try host.loop([worker]) {
      events += worker.events()
      return !events.isEmpty
    }
    #expect(events == [.refused])
    #expect(!worker.send([1]))
    return host.router.takeRefusals().map(\.sentence)
  }

  /// Sends a message that must not be delivered; what the worker hears, and the coordinator says.
  func refusalAtMessage(_ worker: DealerLink) throws -> (answer: [UInt8]?, sentences: [String]) {
    #expect(worker.send(hello))
    let router = host.router
    var answer: [UInt8]?
    _ = try host.loop([worker]) {
      #expect(router.receive() == nil)
      answer = answer ?? worker.receive()
      return answer != nil
    }
    return (answer, router.takeRefusals().map(\.sentence))
  }
}

private func refuse(_ reason: String) -> [UInt8] {
  MessageCodec.encode(
    CoordinatorMessage.refuse(reason: reason), Envelope(epoch: 7, session: 99, sequence: 1))
}

@Test func `a withdrawn key is told so at its next message, which is not delivered`() throws {
  let listed = try ListedHost()
  let worker = try listed.worker()
  #expect(try listed.host.carry([1], from: worker)?.name == "node-1")
  try listed.scratch.write("# nobody\n", "list")
  let (answer, sentences) = try listed.refusalAtMessage(worker)
  #expect(
    answer
      == refuse(
        "its key was withdrawn; "
          + "put its line back into the coordinator's authorized_keys to admit it"))
  #expect(
    sentences == [
      "dropped a message from 127.0.0.1: its key \(listed.key) is no longer authorised; "
        + "add a line with it and a name to authorized_keys to admit it"
    ])
}

@Test func `a key that expires while connected is told so at its next message`() throws {
  let listed = try ListedHost(nil, "expires=2027-01-31")
  let worker = try listed.worker()
  #expect(try listed.host.carry([1], from: worker)?.name == "node-1")
  try listed.clock.set("2027-01-31")
  let (answer, sentences) = try listed.refusalAtMessage(worker)
  #expect(
    answer
      == refuse(
        "its key expired on 2027-01-31T00:00:00Z; "
          + "give its line in the coordinator's authorized_keys a later date to admit it"))
  #expect(
    sentences == [
      "dropped a message from this machine's process \(getpid()): its key \(listed.key) "
        + "expired on 2027-01-31T00:00:00Z; "
        + "give its line in authorized_keys a later date to admit it"
    ])
}

@Test func `a key limited to other addresses while connected is told so`() throws {
  let listed = try ListedHost()
  let worker = try listed.worker()
  #expect(try listed.host.carry([1], from: worker)?.name == "node-1")
  try listed.scratch.write("\(listed.key) node-1 from=10.0.0.0/8\n", "list")
  let (answer, sentences) = try listed.refusalAtMessage(worker)
  #expect(
    answer
      == refuse(
        "its key may not be used from 127.0.0.1; "
          + "name that in 'from=' of its line in the coordinator's authorized_keys to admit it"))
  #expect(
    sentences == [
      "dropped a message from 127.0.0.1: its key \(listed.key) may not be used from there; "
        + "name the address in 'from=' of its line in authorized_keys to admit it"
    ])
}

@Test func `an expired key is refused at its handshake`() throws {
  let listed = try ListedHost("tcp://127.0.0.1:*", "expires=2026-12-31T12:00:00Z")
  #expect(
    try listed.refusalAtHandshake() == [
      "refused a worker at 127.0.0.1: its key \(listed.key) expired on 2026-12-31T12:00:00Z; "
        + "give its line in authorized_keys a later date to admit it"
    ])
}

@Test func `a key used from another address is refused at its handshake`() throws {
  let listed = try ListedHost("tcp://127.0.0.1:*", "from=10.0.0.0/8")
  #expect(
    try listed.refusalAtHandshake() == [
      "refused a worker at 127.0.0.1: its key \(listed.key) may not be used from there; "
        + "name the address in 'from=' of its line in authorized_keys to admit it"
    ])
}

@Test func `a key with addresses is refused on a Unix socket, which has none`() throws {
  let listed = try ListedHost(nil, "from=0.0.0.0/0,::/0")
  #expect(
    try listed.refusalAtHandshake() == [
      "refused a worker at this machine's process \(getpid()): its key \(listed.key) "
        + "may not be used from there; "
        + "name the address in 'from=' of its line in authorized_keys to admit it"
    ])
}

@Test(arguments: ["tcp://127.0.0.1:*", "tcp://*:*"])
func `a key is admitted from an address it names`(endpoint: String) throws {
  let listed = try ListedHost(endpoint, "from=127.0.0.0/8 expires=2027-01-02")
  try listed.host.roundTrip(listed.worker())
}

@Test func `while the list is out of order workers wait instead of going`() throws {
  let listed = try ListedHost()
  let (host, path) = (listed.host, listed.scratch.file("list"))
  let router = host.router
  let old = try listed.worker()
  #expect(try host.carry([1], from: old)?.name == "node-1")
  listed.scratch.setMode(0o666, "list")
  #expect(old.send(hello))
  let new = try listed.worker()
  var refusals: [Refusal] = []
  _ = try host.loop([old, new]) {
    #expect(router.receive() == nil)
    refusals += router.takeRefusals()
    return refusals.count == 3
  }
  let dropped = Refusal.droppedMessage(listed.key, .listUnusable, address: "127.0.0.1")
  let refused = Refusal.refusedKey(listed.key, .listUnusable, address: "127.0.0.1")
  let bad = Refusal.badList(.loose(path: path, mode: 0o666, expected: 0o644))
  for refusal in [dropped, refused, bad] { #expect(refusals.contains(refusal)) }
  #expect(
    refused.sentence
      == "refused a worker at 127.0.0.1: its key \(listed.key) "
      + "is not admitted while authorized_keys cannot be used")
  #expect(
    dropped.sentence
      == "dropped a message from 127.0.0.1: its key \(listed.key) "
      + "is not admitted while authorized_keys cannot be used")
  #expect(
    bad.sentence
      == "\(path) is open to other users: mode 0644 expected, 0666 found; run: chmod 0644 \(path)")
  listed.scratch.setMode(0o600, "list")
  #expect(try host.carry([2], from: old)?.bytes == [2])
  #expect(old.receive() == nil)
  // The other's handshake stands still until its time is up; then it is begun again.
  #expect(try host.loop([new], seconds: 15) { new.send([3]) })
  #expect(try host.next([new])?.bytes == [3])
  #expect(new.events() == [.connected])
}

@Test func `a refused sender is answered once a second, and garbage not at all`() throws {
  let host = try Host()
  let router = host.router
  let client = try withdrawnClient(host)
  var sent = 1
  func send(_ bytes: [UInt8]) throws {
    client.send([bytes])
    sent += 1
    let isDropped = try host.loop {
      #expect(router.receive() == nil)
      return router.refusalCount == sent - 1
    }
    #expect(isDropped)
  }
  for garbage in [[], [0xFF], Array(hello.dropLast()), hello + [0]] as [[UInt8]] {
    try send(garbage)
  }
  for _ in 0..<20 { try send(hello) }
  let first = ContinuousClock.now
  #expect(client.receiveAll(milliseconds: 200).count == 1)
  #expect(ContinuousClock.now - first < .seconds(1))
  while ContinuousClock.now - first < .milliseconds(1100) { usleep(10_000) }
  try send(hello)
  #expect(client.receiveAll(milliseconds: 200).count == 1)
}

@Test func `a refused sender who never stops does not keep the loop`() throws {
  let host = try Host()
  let router = host.router
  let client = try withdrawnClient(host)
  // Two queues of a thousand are filled before anything is read.
  for _ in 0..<1500 { client.send([hello]) }
  usleep(300_000)
  var turns = 0
  let isEmpty = try host.loop {
    let before = router.refusalCount
    #expect(router.receive() == nil)
    #expect(router.refusalCount - before <= 1000)
    turns += 1
    return router.refusalCount >= 1500
  }
  #expect(isEmpty)
  #expect(turns >= 2)
}

/// A client that was admitted and heard, and whose key was then withdrawn.
private func withdrawnClient(_ host: Host) throws -> RawClient {
  var key: PublicKey?
  let client = try RawClient(to: host.router.localEndpoint, serverKey: host.keys.publicKey) {
    host.allowList.insert($0, name: "w")
    key = $0
  }
  client.send([[1]])
  #expect(try host.next()?.name == "w")
  host.allowList.remove(try #require(key))
  return client
}
