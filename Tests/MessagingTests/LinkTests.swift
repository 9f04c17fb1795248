// Router and dealer over real sockets: the traps of libzmq 4.3.4, each with its test.
import Messaging
import Storage
import Testing

/// A coordinator's link with its keys, and what the tests do with it over and over.
private final class Host {
  let keys = KeyPair.generate()
  let allowList = AllowList()
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

  init(_ endpoint: String? = nil) throws {
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

  /// Runs the loop until the condition holds; false after five seconds.
  func loop(_ workers: [DealerLink] = [], until done: () throws -> Bool) throws -> Bool {
    let links: [Link] = (link.map { [$0] } ?? []) + workers
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(5)
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
    #expect(router.send([4, 5], to: incoming.peer))
    var answer: [UInt8]?
    _ = try loop([worker]) {
      answer = worker.receive()
      return answer != nil
    }
    #expect(answer == [4, 5])
  }
}

@Test func `an authorised worker is served over a Unix socket`() throws {
  let host = try Host()
  try host.roundTrip(host.worker())
}

@Test func `an authorised worker is served over TCP`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let endpoint = host.router.endpoint
  #expect(endpoint.hasPrefix("tcp://127.0.0.1:"))
  #expect(!endpoint.hasSuffix("*"))
  try host.roundTrip(host.worker())
}

@Test func `listening on all addresses serves IPv4 and IPv6`() throws {
  let host = try Host("tcp://*:*")
  let port = host.port
  #expect(host.router.localEndpoint == "tcp://127.0.0.1:\(port)")
  for address in ["127.0.0.1", "[::1]", "localhost"] {
    try host.roundTrip(host.worker(at: "tcp://\(address):\(port)"))
  }
}

@Test func `a message carries the name and the key of its sender`() throws {
  let host = try Host()
  let workers = try [host.worker(named: "node-1"), host.worker(named: "node-2")]
  let first = try #require(try host.carry([1], from: workers[0]))
  let second = try #require(try host.carry([2], from: workers[1]))
  #expect([first.name, second.name] == ["node-1", "node-2"])
  #expect(first.key != second.key)
  #expect(first.peer != second.peer)
  #expect(try host.carry([3], from: workers[0])?.peer == first.peer)
}

@Test func `the largest message passes whole`() throws {
  let host = try Host()
  let bytes = (0..<MessageCodec.byteCountMax).map { UInt8(truncatingIfNeeded: $0 * 7) }
  #expect(try host.carry(bytes, from: host.worker())?.bytes == bytes)
}

@Test func `an unknown key is refused, the worker learns it, and may come back once listed`() throws
{
  let host = try Host("tcp://127.0.0.1:*")
  let pair = KeyPair.generate()
  let router = host.router
  let worker = try DealerLink(
    endpoint: router.localEndpoint, serverKey: host.keys.publicKey, keys: pair)
  var events: [LinkEvent] = []
  #expect(
    try host.loop([worker]) {
      events += worker.events()
      return events.contains(.refused)
    })
  #expect(events == [.refused])
  #expect(!worker.send([1]))
  let refusal = Refusal.unknownKey(pair.publicKey, address: "127.0.0.1")
  #expect(router.takeRefusals() == [refusal])
  #expect(router.takeRefusals() == [])
  #expect(router.refusalCount == 1)
  #expect(
    refusal.sentence
      == "refused a worker at 127.0.0.1: its key \(pair.publicKey) is not authorised; "
      + "add a line with it and a name to authorized_keys to admit it")

  host.allowList.insert(pair.publicKey, name: "late")
  try worker.reconnect()
  #expect(try host.carry([1], from: worker)?.name == "late")
}

@Test func `a wrong server key is noticed, and the right one mends it`() throws {
  let host = try Host()
  let pair = KeyPair.generate()
  host.allowList.insert(pair.publicKey, name: "node-1")
  let worker = try DealerLink(
    endpoint: host.router.localEndpoint, serverKey: KeyPair.generate().publicKey,
    keys: pair)
  var events: [LinkEvent] = []
  #expect(
    try host.loop([worker]) {
      events += worker.events()
      return !events.isEmpty
    })
  #expect(events == [.wrongServerKey])
  #expect(!worker.send([1]))
  let router = host.router
  #expect(router.takeRefusals().first == .failedHandshake)
  #expect(
    Refusal.failedHandshake.sentence
      == "a connection failed before it showed a key: not a worker, "
      + "or one that expects another coordinator's key")
  try worker.reconnect(serverKey: host.keys.publicKey)
  try host.roundTrip(worker)
}

@Test func `a key taken off the list is refused at its next message`() throws {
  let host = try Host()
  let worker = try host.worker()
  let before = try #require(try host.carry([1], from: worker))
  host.allowList.remove(before.key)
  #expect(worker.send([2]))
  let router = host.router
  let refused = try host.loop([worker]) {
    #expect(router.receive() == nil)
    return router.refusalCount == 1
  }
  #expect(refused)
  #expect(router.takeRefusals() == [.withdrawnKey(before.key)])
  #expect(
    Refusal.withdrawnKey(before.key).sentence
      == "dropped a message: its key \(before.key) is authorised no more")
  host.allowList.insert(before.key, name: "again")
  #expect(try host.carry([3], from: worker)?.name == "again")
}

@Test func `a line taken out of authorized_keys counts at the next message`() throws {
  let scratch = try ScratchFolder()
  try KeyFolder.create(scratch.path, workers: ["node-1"])
  let (keys, allowList) = try KeyFolder.coordinator(scratch.path)
  let (pair, serverKey) = try KeyFolder.worker(scratch.path)
  let host = try Host()
  host.stop()
  let endpoint = "ipc://" + scratch.file("s")
  let router = try RouterLink(endpoint: endpoint, keys: keys, allowList: allowList)
  host.serve(router)
  let worker = try DealerLink(endpoint: endpoint, serverKey: serverKey, keys: pair)
  #expect(try host.carry([1], from: worker)?.name == "node-1")
  try scratch.write("# nobody\n", "authorized_keys")
  #expect(worker.send([2]))
  let refused = try host.loop([worker]) {
    #expect(router.receive() == nil)
    return router.refusalCount == 1
  }
  #expect(refused)
}

@Test func `an oversized message does not break the link`() throws {
  let host = try Host()
  let router = host.router
  let tame = try host.worker(named: "tame")
  try host.roundTrip(tame)
  let client = try RawClient(to: router.localEndpoint, serverKey: host.keys.publicKey) {
    host.allowList.insert($0, name: "wild")
  }
  client.send([[1]])
  #expect(try host.next()?.bytes == [1])
  client.send([[UInt8](repeating: 0, count: 2 << 20)])
  // libzmq drops the connection and that message; a later one finds the new connection.
  let isBack = try host.loop {
    client.send([[2]])
    return host.router.receive()?.bytes == [2]
  }
  #expect(isBack)
  #expect(tame.send([3]))
  let isServed = try host.loop([tame]) {
    while let incoming = host.router.receive() { if incoming.name == "tame" { return true } }
    return false
  }
  #expect(isServed)
}

@Test func `a message of more or fewer parts than one is dropped alone`() throws {
  let host = try Host()
  let router = host.router
  let client = try RawClient(to: router.localEndpoint, serverKey: host.keys.publicKey) {
    host.allowList.insert($0, name: "wild")
  }
  client.send([[1], [2]])
  client.send([[UInt8]](repeating: [3], count: 40))
  client.send([[]])
  client.send([[4]])
  #expect(try host.next()?.bytes == [])
  #expect(try host.next()?.bytes == [4])
  #expect(
    router.takeRefusals() == [.malformedMessage(client.key), .malformedMessage(client.key)])
  #expect(
    Refusal.malformedMessage(client.key).sentence
      == "dropped a message that is not one part, from key \(client.key)")
}

@Test func `a message to a peer that is gone is not sent`() throws {
  let host = try Host()
  func visit() throws -> Peer {
    let worker = try host.worker()
    let peer = try #require(try host.carry([1], from: worker)).peer
    #expect(host.router.send([1], to: peer))
    return peer
  }
  let peer = try visit()
  #expect(try host.loop { !host.router.send([2], to: peer) })
}

@Test func `a worker without a coordinator sends nothing and keeps nothing`() throws {
  let host = try Host()
  let worker = try host.worker()
  #expect(try host.carry([1], from: worker)?.bytes == [1])
  let endpoint = host.router.endpoint
  #expect(worker.events() == [.connected])
  host.stop()
  #expect(try host.loop(worker, until: .disconnected))
  #expect(try host.loop([worker]) { !worker.send([2]) })
  // libzmq stops listening some time after the socket is closed.
  let isBack = try host.loop {
    do throws(MessagingError) {
      host.serve(
        try RouterLink(endpoint: endpoint, keys: host.keys, allowList: host.allowList))
      return true
    } catch {
      #expect(error == .inUse(path: host.scratch.file("s")))
      return false
    }
  }
  #expect(isBack)
  #expect(try host.loop(worker, until: .connected))
  #expect(try host.carry([3], from: worker)?.bytes == [3])
}

@Test func `a worker follows its coordinator to another address and key`() throws {
  let (old, new) = (try Host(), try Host())
  let pair = KeyPair.generate()
  for host in [old, new] { host.allowList.insert(pair.publicKey, name: "node-1") }
  let worker = try DealerLink(
    endpoint: old.router.endpoint, serverKey: old.keys.publicKey, keys: pair)
  try old.roundTrip(worker)
  let endpoint = new.router.endpoint
  try worker.reconnect(to: endpoint, serverKey: new.keys.publicKey)
  #expect(worker.endpoint == endpoint)
  #expect(worker.serverKey == new.keys.publicKey)
  try new.roundTrip(worker)
}

@Test func `a hundred silent connections leave an authorised worker served`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let worker = try host.worker()
  try host.roundTrip(worker)
  let port = host.port
  let silent = try (0..<100).map { _ in try RawConnection(port: port) }
  try host.roundTrip(worker)
  try host.roundTrip(host.worker(named: "node-2"))
  #expect(silent.count == 100)
}

@Test func `strangers who come and go while the loop is busy freeze nobody`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let worker = try host.worker()
  let peer = try #require(try host.carry([1], from: worker)).peer
  let router = host.router
  let port = host.port
  // No turn of the loop in here: the monitor is not drained.
  for _ in 0..<1200 { try RawConnection(port: port).say("no ZeroMQ\n") }
  #expect(router.send([9], to: peer))
  var answer: [UInt8]?
  let clock = ContinuousClock()
  let deadline = clock.now + .seconds(5)
  while answer == nil, clock.now < deadline {
    Poll.wait(worker, timeoutMilliseconds: 10)
    answer = worker.receive()
  }
  #expect(answer == [9])
  try host.roundTrip(worker)
  #expect(router.takeRefusals().count <= 64)
}

@Test func `the self-test passes where a random key is refused`() throws {
  for endpoint in [nil, "tcp://127.0.0.1:*", "tcp://*:*"] {
    let host = try Host(endpoint)
    let router = host.router
    try router.selfTest()
    #expect(router.takeRefusals() == [])
    try host.roundTrip(host.worker())
  }
}

@Test func `the self-test fails where a random key is admitted`() throws {
  let host = try Host()
  let router = host.router
  let keys = KeyPair.generate()
  host.allowList.insert(keys.publicKey, name: "random")
  let error = #expect(throws: MessagingError.self) { try router.selfTest(with: keys) }
  #expect(
    error?.sentence
      == "\(router.endpoint) admitted a key that nobody authorised; no job is given out: "
      + "the installed libzmq does not ask for authorisation")
}

@Test func `the self-test fails where nobody answers in time`() throws {
  let host = try Host()
  let router = host.router
  let error = #expect(throws: MessagingError.self) { try router.selfTest(timeoutMilliseconds: 0) }
  #expect(
    error?.sentence
      == "\(router.endpoint) did not answer its own test within 0 ms; "
      + "is the address one of this machine?")
}

@Test func `many workers come at once and each is heard`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let workers = try (0..<40).map { try host.worker(named: "node-\($0)") }
  var waiting = Set(workers.indices)
  var names: Set<String> = []
  let allHeard = try host.loop(workers) {
    for i in waiting where workers[i].send([UInt8(i)]) { waiting.remove(i) }
    while let incoming = host.router.receive() {
      #expect(incoming.name == "node-\(incoming.bytes[0])")
      names.insert(incoming.name)
    }
    return names.count == 40
  }
  #expect(allHeard)
}
