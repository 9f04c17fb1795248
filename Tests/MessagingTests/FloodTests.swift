// Strangers by the thousand, while a worker's messages go to and fro. `SHARDWELD_FLOOD=10000` makes
// them ten thousand, holds the times to the promised 100 ms and prints what was measured: for a run
// of this test alone. Among other tests the cores are shared with everything, so that only a loop
// or a libzmq that stands still, which costs seconds, can be told from a busy machine.
import Foundation
import Messaging
import Synchronization
import Testing

/// Strangers who come in waves, most of them no ZeroMQ and every tenth with a key of its own.
private final class Flood: Sendable {
  private static let waveCount = 250

  private let port: UInt16
  private let serverKey: PublicKey
  private let count: Int
  private let state = Mutex((arrived: 0, isOver: false))

  init(port: UInt16, serverKey: PublicKey, count: Int) {
    self.port = port
    self.serverKey = serverKey
    self.count = count
  }

  /// How many have come.
  var arrived: Int { state.withLock { $0.arrived } }

  var isOver: Bool { state.withLock { $0.isOver } }

  func begin() {
    Thread.detachNewThread {
      do { while self.arrived < self.count { try self.wave() } } catch {
        Issue.record("the flood broke off: \(error)")
      }
      self.state.withLock { $0.isOver = true }
    }
  }

  private func wave() throws {
    var connections: [RawConnection] = []
    var strangers: [DealerLink] = []
    for number in 0..<min(Self.waveCount, count - arrived) {
      if number % 10 == 0 {
        strangers.append(
          try DealerLink(
            endpoint: "tcp://127.0.0.1:\(port)", serverKey: serverKey, keys: .generate()))
      } else {
        let connection = try RawConnection(port: port)
        if number % 2 == 0 { connection.say("GET / HTTP/1.1\r\n\r\n") }
        connections.append(connection)
      }
    }
    var waiting = Set(strangers.indices)
    let deadline = ContinuousClock.now + .seconds(10)
    while !waiting.isEmpty, ContinuousClock.now < deadline {
      Poll.wait(strangers, timeoutMilliseconds: 20)
      for index in waiting where strangers[index].events().contains(.refused) {
        waiting.remove(index)
      }
    }
    if !waiting.isEmpty { Issue.record("\(waiting.count) random keys were not refused") }
    let came = connections.count + strangers.count
    state.withLock { $0.arrived += came }
  }
}

/// Round trips of an established worker, one every few milliseconds; their times in milliseconds.
private func roundTrips(
  _ host: Host, _ worker: DealerLink, while isOn: () -> Bool
) throws -> [Double] {
  let router = host.router
  var times: [Double] = []
  while isOn() {
    let begin = ContinuousClock.now
    #expect(worker.send([7]))
    let isBack = try host.loop([worker], seconds: 10) {
      while let incoming = router.receive() {
        #expect(router.send([8], to: incoming.peer) == .sent)
      }
      return worker.receive() == [8]
    }
    guard isBack else {
      Issue.record("no answer")
      break
    }
    let time = (ContinuousClock.now - begin).components
    times.append(Double(time.seconds) * 1e3 + Double(time.attoseconds) / 1e15)
    let next = ContinuousClock.now + .milliseconds(3)
    _ = try host.loop([worker]) { ContinuousClock.now > next }
  }
  return times.sorted()
}

private func quantile(_ part: Double, of sorted: [Double]) -> Double {
  sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]
}

@Test func `a flood of strangers leaves a worker's messages quick`() throws {
  let wanted = ProcessInfo.processInfo.environment["SHARDWELD_FLOOD"].flatMap { Int($0) }
  let host = try Host("tcp://127.0.0.1:*")
  let worker = try host.worker()
  try host.roundTrip(worker)
  let quietEnd = ContinuousClock.now + .milliseconds(200)
  let quiet = try roundTrips(host, worker) { ContinuousClock.now < quietEnd }

  let port = host.port
  let silent = try (0..<100).map { _ in try RawConnection(port: port) }
  let flood = Flood(port: port, serverKey: host.keys.publicKey, count: wanted ?? 1000)
  let begin = ContinuousClock.now
  flood.begin()
  let times = try roundTrips(host, worker) { !flood.isOver }
  let seconds = (ContinuousClock.now - begin).components.seconds
  withExtendedLifetime(silent) {}

  #expect(flood.arrived == wanted ?? 1000)
  #expect(times.count >= 5)
  #expect(quantile(0.99, of: times) < (wanted == nil ? 1000 : 100))
  #expect(worker.events() == [.connected])
  #expect(host.router.takeLostPeers().count == 0)
  if wanted != nil {
    print(
      "\(flood.arrived) strangers in \(seconds) s, round trips in ms: "
        + "quiet p50 \(quantile(0.5, of: quiet)) p99 \(quantile(0.99, of: quiet)), "
        + "flood p50 \(quantile(0.5, of: times)) p99 \(quantile(0.99, of: times)) "
        + "max \(times.last ?? 0), \(times.count) of them")
  }
  try host.roundTrip(host.worker(named: "newcomer"))
}
