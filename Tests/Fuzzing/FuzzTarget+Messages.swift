// Both directions of the wire: bytes that are taken must be the only ones of their message. The
// version's byte is put in, so that kept inputs outlive a version.
import Messaging
import Planning
import Storage

extension FuzzTarget {
  static var workerMessage: FuzzTarget {
    let seeds = workerMessages.map { MessageCodec.encode($0, envelope) }
    return FuzzTarget("worker-message", seeds) { bytes in
      let bytes = current(bytes)
      let (message, envelope): (WorkerMessage, Envelope)
      do throws(MessageError) { (message, envelope) = try MessageCodec.decodeWorker(bytes) } catch {
        return .refused(error.sentence)
      }
      return try only(MessageCodec.encode(message, envelope), bytes)
    }
  }

  static var coordinatorMessage: FuzzTarget {
    let seeds = coordinatorMessages.map { MessageCodec.encode($0, envelope) }
    return FuzzTarget("coordinator-message", seeds) { bytes in
      let bytes = current(bytes)
      let (message, envelope): (CoordinatorMessage, Envelope)
      do throws(MessageError) {
        (message, envelope) = try MessageCodec.decodeCoordinator(bytes)
      } catch { return .refused(error.sentence) }
      return try only(MessageCodec.encode(message, envelope), bytes)
    }
  }

  private static func current(_ bytes: [UInt8]) -> [UInt8] {
    bytes.count > 3 ? bytes[..<3] + [MessageCodec.version] + bytes[4...] : bytes
  }

  private static func only(_ written: [UInt8], _ read: [UInt8]) throws -> Answer {
    guard written == read else { throw BrokenPromise("a message has two encodings") }
    return .taken
  }

  // MARK: One message of each kind

  private static let digest = Digest.xxh3(Array("bytes".utf8)).description
  private static let envelope = Envelope(epoch: 3, session: 0x0123_4567_89AB_CDEF, sequence: 9)
  private static let attemptID = AttemptID(job: 12, epoch: 3, attempt: 1)

  private static let merge = TaskID(.merge, attemptID)
  private static let readBack = TaskID(.readBack, attemptID)

  private static let workerMessages: [WorkerMessage] = [
    .hello(
      Introduction(
        host: "node", processID: 77, threads: 8, memoryByteCount: 256_000_000, planDigest: digest),
      held: [merge, readBack]),
    .progress(running: merge, byteCount: 1 << 40, held: [merge], credit: 1),
    .result(
      merge, .merged(byteCount: 4096, digest: digest, recordDigest: digest), credit: 2),
    .result(readBack, .readBack(byteCount: 4096, digest: digest), credit: 0),
    .result(merge, .failed(TaskFailure(.noSpace, "no space")), credit: 1),
    .result(merge, .handedBack, credit: 0), .result(merge, .declined, credit: 0), .goodbye,
  ]

  private static let coordinatorMessages: [CoordinatorMessage] = [
    .welcome(
      jobFolder: "/models/out.shardweld", planDigest: digest,
      leaseMilliseconds: 15_000),
    .refuse(reason: "another version"),
    .assign(
      .merge(
        attemptID, PlanSlice(offset: 4096, byteCount: 512, digest: digest), byteCount: 1 << 30)),
    .assign(.readBack(attemptID)), .settled(merge), .cancel(readBack),
    .heartbeat(periodMilliseconds: 2000), .dismiss, .farewell,
  ]
}
