// Workers that go: how soon the router says that a connection was lost, and which.
import Glibc
import Testing

@testable import Messaging

/// Whom the router loses first, and after how many milliseconds.
private func loss(
  _ host: Host, _ workers: [DealerLink] = []
) throws -> (peers: [Peer], milliseconds: Int64) {
  let router = host.router
  let begin = ContinuousClock.now
  var peers: [Peer] = []
  _ = try host.loop(workers, seconds: 10) {
    peers = router.takeLostPeers()
    return !peers.isEmpty
  }
  let time = (ContinuousClock.now - begin).components
  return (peers, time.seconds * 1000 + time.attoseconds / 1_000_000_000_000_000)
}

@Test(arguments: [nil, "tcp://127.0.0.1:*"])
func `a worker that closes is lost within a tenth of a second`(endpoint: String?) throws {
  let host = try Host(endpoint)
  let router = host.router
  let steady = try host.worker(named: "steady")
  let steadyPeer = try #require(try host.carry([1], from: steady)).peer
  func visit() throws -> Peer {
    let worker = try host.worker(named: "visitor")
    let peer = try #require(try host.carry([2], from: worker)).peer
    #expect(router.takeLostPeers().count == 0)
    return peer
  }
  let peer = try visit()
  let (peers, milliseconds) = try loss(host)
  #expect(peers == [peer])
  #expect(milliseconds < 100)
  #expect(router.takeLostPeers().count == 0)
  // libzmq tells of the loss first and then takes its queue apart.
  #expect(try host.loop { router.send([3], to: peer) == .unreachable })
  #expect(router.send([3], to: steadyPeer) == .sent)
}

@Test func `a worker whose connection freezes is lost within five seconds`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let relay = try Relay(to: host.port)
  defer { relay.stop() }
  let worker = try host.worker(at: "tcp://127.0.0.1:\(relay.port)")
  let peer = try #require(try host.carry([1], from: worker)).peer
  let steady = try host.worker(named: "steady")
  try host.roundTrip(steady)
  // The worker knows from the first ping on when to miss the next ones.
  _ = try host.loop([worker, steady], seconds: 3) { false }
  let begin = ContinuousClock.now
  relay.freeze()
  // Words into the void are taken all the same: only silence shows it.
  #expect(host.router.send([2], to: peer) == .sent)
  let (peers, milliseconds) = try loss(host, [steady])
  #expect(peers == [peer])
  #expect((1000...5000).contains(milliseconds))
  #expect(try host.loop { host.router.send([2], to: peer) == .unreachable })
  // The worker notices as soon.
  _ = try host.loop([worker]) { worker.events().contains(.disconnected) }
  #expect(ContinuousClock.now - begin < .seconds(5))
  try host.roundTrip(steady)
}

@Test func `strangers and refused keys are no loss`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let router = host.router
  let port = host.port
  func visit() throws {
    let raw = try (0..<20).map { _ in try RawConnection(port: port) }
    for connection in raw { connection.say("GET / HTTP/1.1\r\n\r\n") }
    let stranger = try host.worker(named: nil)
    #expect(try host.loop(stranger, until: .refused))
    let wordless = try host.worker(named: "wordless")
    #expect(try host.loop(wordless, until: .connected))
  }
  try visit()
  let begin = ContinuousClock.now
  _ = try host.loop { ContinuousClock.now - begin > .milliseconds(300) }
  #expect(router.takeLostPeers().count == 0)
}

@Test func `a message that outlives its connection counts as a loss`() throws {
  let host = try Host()
  let router = host.router
  func visit() throws {
    let worker = try host.worker()
    #expect(try host.loop([worker]) { worker.send([1]) })
    // Its message waits unread while it goes.
    usleep(50_000)
  }
  try visit()
  usleep(100_000)
  #expect(router.takeLostPeers().count == 0)
  #expect(router.receive()?.bytes == [1])
  #expect(router.takeLostPeers().count == 1)
  #expect(router.takeLostPeers().count == 0)
}

@Test func `descriptors that come back for other connections are told apart`() {
  let (a, b, c) = (Peer(routingID: [1]), Peer(routingID: [2]), Peer(routingID: [3]))
  var connections = Connections()
  connections.accepted(7)
  connections.accepted(8)
  connections.heard(7, a)
  connections.heard(7, a)
  #expect(connections.count == 2)
  connections.disconnected(7)
  connections.accepted(7)
  #expect(connections.takeLost() == [a])
  // 8 is the oldest now, then the second 7; both are forgotten once given out.
  #expect(connections.takeOldestStranger() == 8)
  #expect(connections.count == 1)
  #expect(connections.takeOldestStranger() == 7)
  #expect(connections.takeOldestStranger() == nil)
  connections.disconnected(7)
  connections.disconnected(8)
  #expect(connections.takeLost() == [])
  // Messages left in the queue by a connection that is gone already.
  for _ in 0..<3 { connections.heard(8, b) }
  #expect(connections.takeLost() == [b])
  connections.accepted(8)
  connections.heard(8, c)
  connections.accepted(8)
  #expect(connections.takeLost() == [c])
}

@Test func `losses that nobody takes are bounded`() {
  var connections = Connections()
  for number in 0..<5000 {
    connections.accepted(7)
    connections.heard(7, Peer(routingID: [UInt8(number % 256), UInt8(number / 256)]))
    connections.disconnected(7)
  }
  let lost = connections.takeLost()
  #expect(lost.count == Connections.lostCountMax)
  #expect(lost.last == Peer(routingID: [135, 19]))
}

@Test func `many arrivals keep their order`() {
  var connections = Connections()
  for round in 0..<10_000 as Range<Int32> {
    connections.accepted(round)
    if round % 100 != 50 { connections.disconnected(round) }
  }
  #expect(connections.count == 100)
  let oldest = (0..<100).map { _ in connections.takeOldestStranger() }
  #expect(oldest == (0..<100).map { $0 * 100 + 50 })
  #expect(connections.takeOldestStranger() == nil)
  #expect(connections.takeLost() == [])
}
