// What libzmq was measured to do and what is held against it, one row for each experiment. Numbers
// that are not here were measurements of speed.
//
//   T1   a ROUTER without both ZAP options admits anybody    `a router cannot be had without …`,
//                                                            AdmissionTests: `the self-test …`
//   T3   a refused worker's socket does not say so           AdmissionTests: `an unknown key …`
//   T3b  nor one that expects another coordinator's key      AdmissionTests: `a wrong server …`
//   T4   the sender's key is on the last part alone          AdmissionTests: `a message carries …`
//   T5   a dead worker shows at once, a frozen one in 4 s    LossTests: `a worker that closes …`,
//                                                            `a worker whose connection …`
//   T6   silent connections are sent off                     `silent connections are sent off …`
//   T9   a message too large is lost with its connection     DisturbanceTests: `an oversized …`
//   T10  no descriptors left: it spins and accepts nobody    ExhaustionTests: `strangers who …`
//   T11  a withdrawn key goes on being heard                 RefusalTests: `a withdrawn key …`
//   T12  "not now" stalls a handshake, which is begun again  RefusalTests: `while the list …`
//   T13  old messages reach a coordinator's next life        LinkTests: `a worker without …`
//   T14  a cable pulled out: silence without an end          PartitionTests: `a cable pulled …`
//   T15  a socket's path is taken from whoever has it        EndpointTests: `a file at …`, `a socket
//                                                            that is served …`, `a Unix socket in …`
//   T16b a monitor that is not read stops everything         DisturbanceTests: `strangers who …`
//   T17  one socket can serve IPv4 and IPv6                  LinkTests: `listening on all …`
import CZeroMQ
import Glibc
import Testing

@testable import Messaging

@Test func `a router cannot be had without both options that make libzmq ask`() throws {
  let router = try Host().router
  let handle = unsafe try #require(router.items[0].socket)
  var enforces: Int32 = 0
  var count = 4
  unsafe #expect(zmq_getsockopt(handle, 93, &enforces, &count) == 0)
  #expect(enforces == 1)
  var domain = [UInt8](repeating: 0, count: 64)
  count = domain.count
  unsafe #expect(zmq_getsockopt(handle, ZMQ_ZAP_DOMAIN, &domain, &count) == 0)
  #expect(String(decoding: domain[..<max(0, count - 1)], as: UTF8.self).hasPrefix("merge-"))
}

/// A ROUTER of libzmq alone without anybody who could be asked; true where it admits a random key.
@safe private func admitsAnybody(domain: String?, enforces: Int32) throws -> Bool {
  let context = unsafe try #require(zmq_ctx_new())
  let handle = unsafe try #require(zmq_socket(context, ZMQ_ROUTER))
  defer { unsafe _ = zmq_close(handle) }
  let scratch = try ScratchFolder()
  var (one, zero, enforces) = (Int32(1), Int32(0), enforces)
  var publicText = [CChar](repeating: 0, count: 41)
  var secretText = [CChar](repeating: 0, count: 41)
  unsafe zmq_curve_keypair(&publicText, &secretText)
  unsafe zmq_setsockopt(handle, ZMQ_LINGER, &zero, 4)
  unsafe zmq_setsockopt(handle, ZMQ_CURVE_SERVER, &one, 4)
  unsafe zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, secretText, 41)
  if let domain { unsafe zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, domain, domain.utf8.count) }
  unsafe zmq_setsockopt(handle, 93, &enforces, 4)
  let endpoint = "ipc://" + scratch.file("s")
  unsafe #expect(zmq_bind(handle, endpoint) == 0)
  let key = try #require(
    PublicKey(String(decoding: publicText.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)))
  let client = try DealerLink(endpoint: endpoint, serverKey: key, keys: .generate())
  let deadline = ContinuousClock.now + .milliseconds(400)
  while ContinuousClock.now < deadline {
    Poll.wait(client, timeoutMilliseconds: 20)
    if client.events().contains(.connected) { return true }
  }
  return false
}

@Test func `libzmq without both options admits anybody where nobody can be asked`() throws {
  #expect(try admitsAnybody(domain: nil, enforces: 0))
  #expect(try admitsAnybody(domain: "merge", enforces: 0))
  #expect(try !admitsAnybody(domain: "merge", enforces: 1))
}

@Test func `silent connections are sent off while workers are served`() throws {
  let host = try Host("tcp://127.0.0.1:*")
  let port = host.port
  let worker = try host.worker()
  try host.roundTrip(worker)
  let silent = try (0..<100).map { _ in try RawConnection(port: port) }
  let begin = ContinuousClock.now
  try host.roundTrip(worker)
  try host.roundTrip(host.worker(named: "node-2"))
  #expect(ContinuousClock.now - begin < .seconds(4))
  let allGone = try host.loop([worker], seconds: 15) { silent.allSatisfy(\.isClosed) }
  #expect(allGone)
  #expect(host.router.takeLostPeers().count <= 1)  // `node-2` alone
}

@Test func `a Unix socket is in a folder that nobody else may enter`() throws {
  let host = try Host()
  try host.roundTrip(host.worker())
  var raw = stat()
  unsafe #expect(lstat(host.scratch.path, &raw) == 0)
  #expect(raw.st_mode & 0o077 == 0)
  unsafe #expect(lstat(host.scratch.file("s"), &raw) == 0)
  #expect(raw.st_mode & S_IFMT == S_IFSOCK)
}
