// Addresses: which are taken, and that listening takes nothing away from anybody.
import Glibc
import Messaging
import Storage
import Testing

private func listenSentence(_ endpoint: String) -> String? {
  do {
    _ = try RouterLink(endpoint: endpoint, keys: .generate(), allowList: AllowList())
    return nil
  } catch { return error.sentence }
}

private func connectSentence(_ endpoint: String) -> String? {
  do {
    let key = KeyPair.generate().publicKey
    _ = try DealerLink(endpoint: endpoint, serverKey: key, keys: .generate())
    return nil
  } catch { return error.sentence }
}

@Test(
  arguments: [
    "", "localhost:5555", "udp://127.0.0.1:5555", "inproc://x", "ipc://", "ipc://@abstract",
    "ipc://*", "tcp://", "tcp://host", "tcp://host:", "tcp://:5555", "tcp://h\0:1",
    "tcp://127.0.0.1:99999", "tcp://127.0.0.1:0", "tcp://127.0.0.1:-1",
  ])
func `an address of another kind is refused`(text: String) {
  let expected = "'\(text)' is not an address: tcp://HOST:PORT or ipc://PATH expected"
  #expect(listenSentence(text) == expected)
  #expect(connectSentence(text) == expected)
}

@Test(arguments: ["tcp://*:5555", "tcp://host:*"])
func `an address that only a server can have is refused to a worker`(text: String) {
  #expect(
    connectSentence(text) == "'\(text)' is not an address: tcp://HOST:PORT or ipc://PATH expected")
}

@Test func `an address that libzmq does not understand is refused`() {
  #expect(
    connectSentence("tcp://a b:5555")
      == "cannot connect to tcp://a b:5555: Invalid argument; "
      + "tcp://HOST:PORT or ipc://PATH expected")
  #expect(
    listenSentence("tcp://no.such.interface:5555")
      == "cannot listen on tcp://no.such.interface:5555: No such device")
}

@Test func `a path too long for a Unix socket is refused`() {
  let path = "/tmp/" + String(repeating: "x", count: 103)
  let expected =
    "the socket's path \(path) is too long: at most 107 bytes expected, 108 found; "
    + "use a shorter folder, for example one below /tmp"
  #expect(listenSentence("ipc://" + path) == expected)
  #expect(connectSentence("ipc://" + path) == expected)
}

@Test func `a path of the greatest length is served`() throws {
  let scratch = try ScratchFolder()
  let path = scratch.path + "/" + String(repeating: "x", count: 106 - scratch.path.utf8.count)
  #expect(path.utf8.count == 107)
  #expect(listenSentence("ipc://" + path) == nil)
}

@Test func `a Unix socket in a folder open to others is refused`() throws {
  let scratch = try ScratchFolder()
  try Folder.createNew(scratch.file("open"), mode: 0o700)
  scratch.setMode(0o755, "open")
  let folder = scratch.file("open")
  #expect(
    listenSentence("ipc://\(folder)/s")
      == "\(folder) is open to other users: mode 0700 expected, 0755 found; "
      + "run: chmod 0700 \(folder)")
}

@Test func `a Unix socket in a folder that does not exist is refused`() throws {
  let scratch = try ScratchFolder()
  #expect(
    listenSentence("ipc://\(scratch.path)/no/s")
      == "cannot listen on ipc://\(scratch.path)/no/s: No such file or directory")
}

@Test func `a file at a socket's path stays and is named`() throws {
  let scratch = try ScratchFolder()
  try scratch.write("precious", "s")
  #expect(
    listenSentence("ipc://\(scratch.file("s"))")
      == "\(scratch.file("s")) exists and is not a socket; listening there would replace it: "
      + "give another path")
  #expect(try scratch.text("s") == "precious")
}

@Test func `a socket that is served is not taken over`() throws {
  let scratch = try ScratchFolder()
  let endpoint = "ipc://" + scratch.file("s")
  let first = try RouterLink(endpoint: endpoint, keys: .generate(), allowList: AllowList())
  #expect(
    listenSentence(endpoint)
      == "another process listens on \(scratch.file("s")); stop it or give another path")
  #expect(first.endpoint == endpoint)
}

@Test func `a socket left by a killed process is taken over`() throws {
  let scratch = try ScratchFolder()
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) {
    unsafe $0.copyBytes(from: scratch.file("s").utf8)
  }
  let status = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  #expect(status == 0)
  _ = close(descriptor)
  #expect(listenSentence("ipc://" + scratch.file("s")) == nil)
}

@Test func `a port that is taken is named`() throws {
  let first = try RouterLink(
    endpoint: "tcp://127.0.0.1:*", keys: .generate(), allowList: AllowList())
  #expect(
    listenSentence(first.endpoint)
      == "cannot listen on \(first.endpoint): Address already in use")
}

@Test func `a failed start leaves nothing behind that hinders the next`() throws {
  let scratch = try ScratchFolder()
  let taken = try RouterLink(
    endpoint: "tcp://127.0.0.1:*", keys: .generate(), allowList: AllowList())
  for i in 0..<20 {
    #expect(listenSentence(taken.endpoint) != nil)
    #expect(listenSentence("ipc://" + scratch.file("s\(i)")) == nil)
  }
}

@Test func `links raise the limit of descriptors`() throws {
  let scratch = try ScratchFolder()
  #expect(listenSentence("ipc://" + scratch.file("s")) == nil)
  var limit = rlimit()
  unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  #expect(limit.rlim_cur == min(limit.rlim_max, 65_536))
}

@Test func `refusals that no test can bring about say what they mean`() {
  #expect(
    MessagingError.noEncryption.sentence
      == "the installed libzmq cannot encrypt; install a libzmq built with libsodium (CURVE)")
  #expect(
    MessagingError.socket(code: EMFILE).sentence
      == "cannot make a ZeroMQ socket: Too many open files")
  #expect(
    Refusal.notAccepted.sentence
      == "a connection could not be accepted: no descriptors left; raise the limit (ulimit -n)")
  #expect(
    Refusal.malformedRequest(address: "").sentence
      == "refused a connection from an unknown address: malformed request for authorisation")
}
