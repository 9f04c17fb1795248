// Who may connect and who is heard, over real sockets.
import Glibc
import Messaging
import Testing

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
  let refusal = Refusal.refusedKey(pair.publicKey, .notListed, address: "127.0.0.1")
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
  let place = "this machine's process \(getpid())"
  #expect(router.takeRefusals() == [.droppedMessage(before.key, .notListed, address: place)])
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
