// A real partition: the cable between two hosts is pulled out, so that nothing says that the
// connection ended, and later put back.
import Messaging
import Testing

@Test(
  .enabled(
    if: Namespaces.obstacle == nil,
    "needs network namespaces: \(Namespaces.obstacle ?? "it can have them")"))
func `a cable pulled out shows on both ends within five seconds, and mends`() async {
  await #expect(processExitsWith: .success) {
    let namespaces = try Namespaces()
    try namespaces.enterWorker()
    // libzmq's thread stays where its first socket was made: it is the one that connects.
    let context = try KeepingContext()
    try namespaces.enterCoordinator()
    let host = try Host("tcp://\(Namespaces.coordinatorAddress):*")
    let worker = try host.worker()
    let peer = try #require(try host.carry([1], from: worker)).peer
    try host.roundTrip(worker)
    #expect(worker.events() == [.connected])
    let router = host.router

    try namespaces.setCable(isIn: false)
    let begin = ContinuousClock.now
    #expect(router.send([2], to: peer) == .sent)
    var (isLost, isDisconnected) = (false, false)
    _ = try host.loop([worker], seconds: 10) {
      isLost = isLost || router.takeLostPeers().count == 1
      isDisconnected = isDisconnected || worker.events().contains(.disconnected)
      return isLost && isDisconnected
    }
    let time = ContinuousClock.now - begin
    #expect(isLost && isDisconnected, "lost \(isLost), disconnected \(isDisconnected)")
    #expect(time > .seconds(1), "after \(time)")
    #expect(time < .seconds(5), "after \(time)")
    // libzmq tells of the loss first and then takes its queues apart.
    let isGone = try host.loop([worker]) {
      router.send([3], to: peer) == .unreachable && !worker.send([4])
    }
    #expect(isGone, "still taken")

    try namespaces.setCable(isIn: true)
    let isBack = try host.loop([worker], seconds: 30) { worker.send([5]) }
    #expect(isBack, "not connected again")
    #expect(try host.next([worker])?.bytes == [5], "not heard again")
    _ = context
  }
}

/// Makes the process's first socket, and with it libzmq's thread, on this thread's host.
private struct KeepingContext {
  private let link: DealerLink

  init() throws {
    link = try DealerLink(
      endpoint: "tcp://127.0.0.1:9", serverKey: KeyPair.generate().publicKey, keys: .generate())
  }
}
