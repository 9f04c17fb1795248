// Router and dealer over real sockets: what arrives, and what is known not to.
import Messaging
import Testing

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

@Test func `the largest message passes whole`() throws {
  let host = try Host()
  let bytes = (0..<MessageCodec.byteCountMax).map { UInt8(truncatingIfNeeded: $0 * 7) }
  #expect(try host.carry(bytes, from: host.worker())?.bytes == bytes)
}

@Test func `a message to a peer that is gone is not sent`() throws {
  let host = try Host()
  func visit() throws -> Peer {
    let worker = try host.worker()
    let peer = try #require(try host.carry([1], from: worker)).peer
    #expect(host.router.send([1], to: peer) == .sent)
    return peer
  }
  let peer = try visit()
  #expect(try host.loop { host.router.send([2], to: peer) == .unreachable })
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
