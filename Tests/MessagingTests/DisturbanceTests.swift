// Peers that misbehave, and strangers in numbers: everybody else is served all the same.
import Messaging
import Testing

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
  client.send([[UInt8](repeating: 0, count: MessageCodec.byteCountMax + 64)])
  // libzmq drops the connection and that message; a later one finds the new connection.
  var received: [[UInt8]] = []
  let isBack = try host.loop {
    client.send([[2]])
    if let bytes = host.router.receive()?.bytes { received.append(bytes) }
    return received.last == [2]
  }
  #expect(isBack)
  #expect(received.allSatisfy { $0.count == 1 })
  #expect(router.takeLostPeers().count == 1)
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
  #expect(router.send([9], to: peer) == .sent)
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

@Test func `a worker that begins anew over and over freezes nobody`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let steady = try host.worker()
  let restless = try host.worker(named: nil)
  // A monitor that goes while its socket still reports would stop libzmq's thread for good.
  for round in 0..<200 {
    try restless.reconnect(serverKey: round % 2 == 0 ? KeyPair.generate().publicKey : nil)
    Poll.wait(host.router, timeoutMilliseconds: round % 3)
  }
  try host.roundTrip(steady)
}
