// Every message there and back, and everything that is not a message refused.
import Messaging
import Planning
import TestSupport
import Testing

private let attempt = AttemptID(job: 12, epoch: 3, attempt: 1)
private let other = AttemptID(job: 4_000_000_000, epoch: .max, attempt: 4_294_967_295)
private let slice = PlanSlice(offset: 1 << 40, byteCount: 60_000_000, digest: "xxh3:00ff")

private let merge = TaskID(.merge, attempt)
private let reading = TaskID(.readBack, other)

private let workerMessages: [WorkerMessage] = [
  .hello(
    Introduction(
      host: "node-1", processID: 4711, threads: 64, memoryByteCount: .max, planDigest: "xxh3:01"),
    held: [merge, reading]),
  .hello(Introduction(host: "", processID: 0, threads: 1, memoryByteCount: 0), held: []),
  .progress(running: merge, byteCount: .max, movedByteCount: 7, held: [merge, reading], credit: 0),
  .progress(running: nil, byteCount: 0, held: [], credit: 2),
  .result(merge, .merged(byteCount: 5, digest: "xxh3:aa", recordDigest: "xxh3:bb"), credit: 1),
  .result(reading, .readBack(byteCount: 0, digest: "sha256:cc"), credit: 2),
  .result(merge, .failed(TaskFailure(.input, "größer als 1 µm")), credit: 0),
  .result(merge, .failed(TaskFailure(.storage, "")), credit: 0),
  .result(reading, .failed(TaskFailure(.noSpace, "full")), credit: 0),
  .result(reading, .handedBack, credit: 0),
  .result(merge, .declined, credit: 1),
  .goodbye,
]

private let coordinatorMessages: [CoordinatorMessage] = [
  .welcome(
    jobFolder: "/data/a b\tc\n/out.shardweld", planDigest: "xxh3:01",
    leaseMilliseconds: 15_000),
  .refuse(reason: "the plan changed"),
  .assign(.merge(attempt, slice, byteCount: 5_000_000_000)),
  .assign(.readBack(other)),
  .settled(merge),
  .cancel(reading),
  .heartbeat(periodMilliseconds: 4_000),
  .dismiss,
  .farewell,
]

private let envelope = Envelope(epoch: 3, session: 0x0123_4567_89AB_CDEF, sequence: 1)

private let allBytes =
  workerMessages.map { MessageCodec.encode($0, envelope) }
  + coordinatorMessages.map { MessageCodec.encode($0, envelope) }

private func sentence(_ bytes: [UInt8]) -> String? {
  do {
    _ = try MessageCodec.decodeWorker(bytes)
    return nil
  } catch { return error.sentence }
}

/// The bytes of a coordinator's or worker's message of a kind with a body of our choice.
private func message(kind: UInt8, _ body: [UInt8]) -> [UInt8] {
  Array(MessageCodec.encode(.goodbye, envelope).prefix(4)) + [kind]
    + [UInt8](repeating: 1, count: 24) + body
}

@Test func `every message of a worker comes back as it was`() throws {
  for message in workerMessages {
    let (back, its) = try MessageCodec.decodeWorker(MessageCodec.encode(message, envelope))
    #expect(back == message)
    #expect(its == envelope)
  }
}

@Test func `every message of the coordinator comes back as it was`() throws {
  for message in coordinatorMessages {
    let (back, its) = try MessageCodec.decodeCoordinator(MessageCodec.encode(message, envelope))
    #expect(back == message)
    #expect(its == envelope)
  }
}

@Test func `a heartbeat has the bytes that the codec's file shows`() {
  let bytes = MessageCodec.encode(
    CoordinatorMessage.heartbeat(periodMilliseconds: 2000),
    Envelope(epoch: 3, session: 5, sequence: 7))
  var expected: [UInt8] = [0x53, 0x57, 0x4D, 0x04, 0x86]
  for number in [3, 5, 7] as [UInt8] { expected += [number, 0, 0, 0, 0, 0, 0, 0] }
  expected += [0xD0, 0x07, 0, 0]
  #expect(bytes == expected)
}

@Test func `every truncation of every message is refused`() {
  for bytes in allBytes {
    for count in 0..<bytes.count {
      let part = Array(bytes.prefix(count))
      #expect(throws: MessageError.self) { try MessageCodec.decodeWorker(part) }
      #expect(throws: MessageError.self) { try MessageCodec.decodeCoordinator(part) }
    }
  }
}

@Test func `what one side says is not taken from the other`() {
  for message in workerMessages {
    let bytes = MessageCodec.encode(message, envelope)
    #expect(throws: MessageError.self) { try MessageCodec.decodeCoordinator(bytes) }
  }
  for message in coordinatorMessages {
    let bytes = MessageCodec.encode(message, envelope)
    #expect(throws: MessageError.self) { try MessageCodec.decodeWorker(bytes) }
  }
}

@Test(arguments: 0..<4 as Range<UInt64>)
func `a hundred thousand random inputs are refused or encode to themselves`(seed: UInt64) {
  var random = SeededGenerator(seed: seed)
  for round in 0..<25_000 {
    var bytes: [UInt8]
    if round % 4 == 0 {
      bytes = (0..<Int(random.next() % 96)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    } else {
      // A message with a few bytes changed, cut or added gets further than noise.
      bytes = allBytes[Int(random.next() % UInt64(allBytes.count))]
      for _ in 0...(random.next() % 3) {
        let place = Int(random.next() % UInt64(bytes.count))
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      if round % 4 == 3 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
    }
    // The side that the kind belongs to reads furthest.
    if bytes.count > 4, bytes[4] >= 0x80 {
      guard let (message, its) = try? MessageCodec.decodeCoordinator(bytes) else { continue }
      if MessageCodec.encode(message, its) != bytes { Issue.record("\(bytes)") }
    } else {
      guard let (message, its) = try? MessageCodec.decodeWorker(bytes) else { continue }
      if MessageCodec.encode(message, its) != bytes { Issue.record("\(bytes)") }
    }
  }
}

@Test func `a message over 64 KiB is refused`() {
  let bytes = MessageCodec.encode(.goodbye, envelope) + [UInt8](repeating: 0, count: 65_536)
  #expect(
    sentence(bytes) == "the message is too long: at most 65536 bytes expected, 65565 found")
}

@Test func `a message that ends early is refused with the field`() {
  let report = WorkerMessage.progress(running: nil, byteCount: 0, held: [], credit: 1)
  let bytes = Array(MessageCodec.encode(report, envelope).dropLast())
  #expect(
    sentence(bytes)
      == "the message ends in its field 'credit': 4 bytes expected at offset 50, 3 found")
}

@Test func `bytes of somebody else are refused`() {
  #expect(
    sentence(Array("GET / HTTP/1.1".utf8))
      == "the bytes are not a shardweld message: they do not begin with SWM")
}

@Test func `another version is refused`() {
  var bytes = MessageCodec.encode(.goodbye, envelope)
  bytes[3] = 9
  #expect(
    sentence(bytes)
      == "the peer speaks version 9 of the messages, this is version 4; "
      + "run the same shardweld on all hosts")
}

@Test func `an unknown kind is refused`() {
  #expect(sentence(message(kind: 0x7F, [])) == "no message from this side has the number 127")
}

@Test func `a text over its limit is refused before it is read`() {
  #expect(
    sentence(message(kind: 1, [0x01, 0x10, 0, 0] + [UInt8](repeating: 65, count: 4097)))
      == "the message's field 'host' is too long: at most 4096 expected, 4097 found")
}

@Test func `a list over its limit is refused before it is read`() {
  // An empty host, two numbers, memory, and an empty plan's digest before it.
  let body = [UInt8](repeating: 0, count: 24) + [255, 255, 255, 255]
  #expect(
    sentence(message(kind: 1, body))
      == "the message's field 'held' is too long: at most 2048 expected, 4294967295 found")
}

@Test func `the longest list and the longest text fit a message together`() throws {
  let text = String(repeating: "h", count: 4096)
  let message = WorkerMessage.hello(
    Introduction(host: text, processID: 1, threads: 1, memoryByteCount: 1, planDigest: text),
    held: Array(repeating: reading, count: 2048))
  let bytes = MessageCodec.encode(message, envelope)
  #expect(bytes.count <= MessageCodec.byteCountMax)
  #expect(try MessageCodec.decodeWorker(bytes).0 == message)
}

@Test func `a size that no file has is refused`() {
  let body: [UInt8] = [0] + [UInt8](repeating: 255, count: 8) + [0, 0, 0, 0]
  #expect(
    sentence(message(kind: 2, body))
      == "the message's field 'bytes done' cannot have the value 18446744073709551615")
}

@Test func `a flag that is neither yes nor no is refused`() {
  #expect(
    sentence(message(kind: 2, [2])) == "the message's field 'running' cannot have the value 2")
}

@Test func `a task, an outcome and a cause that do not exist are refused`() {
  #expect(sentence(message(kind: 3, [2])) == "the message's field 'task' cannot have the value 2")
  let result = [0] + [UInt8](repeating: 0, count: 16)
  #expect(
    sentence(message(kind: 3, result + [9]))
      == "the message's field 'outcome' cannot have the value 9")
  #expect(
    sentence(message(kind: 3, result + [2, 3]))
      == "the message's field 'cause' cannot have the value 3")
}

@Test(arguments: [[0xFF], [0x1B], [0x00], [0xC2, 0x9B]] as [[UInt8]])
func `text that is not UTF-8 or could steer a terminal is refused`(text: [UInt8]) {
  #expect(
    sentence(message(kind: 1, [UInt8(text.count), 0, 0, 0] + text))
      == "the message's field 'host' is not text that may be shown or used as a path")
}

@Test func `a path with a NUL is refused`() {
  let bytes = message(kind: 0x81, [1, 0, 0, 0, 0])
  #expect(throws: MessageError.badText(field: "job folder")) {
    try MessageCodec.decodeCoordinator(bytes)
  }
}

@Test func `bytes after a message are refused`() {
  #expect(
    sentence(MessageCodec.encode(.goodbye, envelope) + [0, 0])
      == "the message has 2 bytes after its last field")
}

@Test func `prose is cleaned and cut to its limit at a whole character`() throws {
  let reason = "bad\u{1B}[2J\nname " + String(repeating: "ä", count: 4096)
  let sent = WorkerMessage.result(merge, .failed(TaskFailure(.input, reason)), credit: 0)
  let bytes = MessageCodec.encode(sent, envelope)
  guard case .result(_, .failed(let failure), _) = try MessageCodec.decodeWorker(bytes).0 else {
    Issue.record("another message came back")
    return
  }
  let back = failure.reason
  #expect(back.hasPrefix("bad [2J name ää"))
  #expect(back.utf8.count == 4095)
}
