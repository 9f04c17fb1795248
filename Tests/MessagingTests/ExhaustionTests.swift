// Descriptors: more connections than the process may have. In a process of its own, whose limit is
// small; the strangers are a shell's, so that theirs do not count here.
import Glibc
import Messaging
import Testing

/// Begins processes with 200 silent connections to a port; they have the same limit as we.
private func silentCrowd(port: UInt16) throws -> [ChildProcess] {
  let script = """
    for i in $(seq 100); do exec {d}<>/dev/tcp/127.0.0.1/\(port) || exit 1; done
    exec sleep 60
    """
  return try (0..<2).map { _ in try ChildProcess(["bash", "-c", script]) }
}

private func processorMilliseconds() -> Int {
  var usage = rusage()
  unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000
    + Int(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000
}

/// True where files can be opened; they are closed again.
private func hasDescriptors(_ count: Int = 1) -> Bool {
  let files = (0..<count).map { _ in unsafe open("/dev/null", O_RDONLY) }
  for file in files where file >= 0 { _ = close(file) }
  return files.allSatisfy { $0 >= 0 }
}

private func limitDescriptors(_ count: rlim_t) {
  var limit = rlimit(rlim_cur: count / 2, rlim_max: count)
  unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Turns the loop for a while; what the router refused meanwhile.
private func turn(_ host: Host, _ worker: DealerLink, milliseconds: Int) throws -> [Refusal] {
  let begin = ContinuousClock.now
  var refusals: [Refusal] = []
  _ = try host.loop([worker]) {
    refusals += host.router.takeRefusals()
    return ContinuousClock.now - begin > .milliseconds(milliseconds)
  }
  return refusals
}

@Test func `links raise the limit of descriptors to what is allowed`() async {
  await #expect(processExitsWith: .success) {
    limitDescriptors(200)
    let scratch = try ScratchFolder()
    _ = try RouterLink(
      endpoint: "ipc://" + scratch.file("s"), keys: .generate(), allowList: AllowList())
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    #expect(limit.rlim_cur == 200)
  }
}

@Test func `strangers who would use up all descriptors are cut off, workers are not`() async {
  await #expect(processExitsWith: .success) {
    limitDescriptors(150)
    let host = try Host("tcp://127.0.0.1:*")
    let worker = try host.worker(named: "steady")
    try host.roundTrip(worker)
    // Nobody looks while they come: libzmq's thread runs out of descriptors, and spins.
    let crowd = try silentCrowd(port: host.port)
    defer { for process in crowd { process.kill() } }
    let deadline = ContinuousClock.now + .seconds(10)
    while hasDescriptors(), ContinuousClock.now < deadline { usleep(10_000) }
    #expect(!hasDescriptors())

    let refusals = try turn(host, worker, milliseconds: 700)
    #expect(refusals.contains(.notAccepted))
    // The coordinator has its own share of descriptors again, and rests.
    #expect(hasDescriptors(20))
    let before = processorMilliseconds()
    #expect(try turn(host, worker, milliseconds: 500) == [])
    #expect(processorMilliseconds() - before < 250)
    #expect(host.router.takeLostPeers().count == 0)
    try host.roundTrip(worker)
    try host.roundTrip(host.worker(named: "newcomer"))
  }
}
