// What is tormented: readers of bytes from outside. A target says whether it took or refused its
// input; a crash, an error without a sentence or a broken promise is what the run looks for.
import Ledger
import Messaging
import OrderedJSON
import Planning
import Publishing
import Storage

/// A reader with inputs that it takes.
struct FuzzTarget {
  /// A promise that an input broke.
  struct Broken: Error, CustomStringConvertible {
    let description: String
  }

  enum Answer {
    case taken
    /// With the sentence that a user would read.
    case refused(String)
  }

  let name: String
  let samples: [[UInt8]]
  let feed: ([UInt8]) throws -> Answer
}

extension FuzzTarget {
  /// A reader of one record whose writer must give the same bytes for what it read.
  private init<Record>(
    _ name: String, _ samples: [[UInt8]],
    decode: @escaping ([UInt8]) throws(PlanError) -> Record,
    encode: @escaping (Record) -> [UInt8]
  ) {
    self.name = name
    self.samples = samples
    feed = { bytes in
      let record: Record
      do throws(PlanError) { record = try decode(bytes) } catch { return .refused(error.sentence) }
      let written = encode(record)
      let again: Record
      do throws(PlanError) { again = try decode(written) } catch {
        throw Broken(description: "\(name): what was written is refused: \(error.sentence)")
      }
      guard encode(again) == written else {
        throw Broken(description: "\(name): read and written again it is another one")
      }
      return .taken
    }
  }

  /// Records of the job's folder and the manifest; `plans` are planned merges.
  static func records(_ plans: [MergePlan]) -> [FuzzTarget] {
    let digests = [TensorDigests(output: digest, source: digest)]
    let attempt = AttemptID(job: 3, epoch: 2, attempt: 1)
    let commit = CommitRecord(
      job: 3, shardName: "model-00001-of-00002.safetensors", byteCount: 4096, digest: digest,
      tensors: digests, attempt: attempt, host: "node", processID: 77, milliseconds: 5,
      readBackBy: "node/78")
    let record = AttemptRecord(
      attempt: attempt, byteCount: 4096, digest: digest, tensors: digests, host: "node",
      processID: 77, milliseconds: 5, kernel: "avx2")
    let epoch = EpochRecord(
      number: 2, host: "node", bootID: "0e3f", processID: 77, endpoint: "tcp://node:5555",
      publicKey: KeyPair.generate().publicKey.text)
    let line = JournalEntry(
      time: 1, kind: "assigned", attempt: attempt, worker: "node/77", text: "a text")
    return [
      FuzzTarget("commit", [commit.encode()], decode: CommitRecord.decode) { $0.encode() },
      FuzzTarget("attempt", [record.encode()], decode: AttemptRecord.decode) { $0.encode() },
      FuzzTarget("epoch", [epoch.encode()], decode: EpochRecord.decode) { $0.encode() },
      FuzzTarget("plan", plans.map { PlanCodec.encode($0).bytes }, decode: PlanCodec.decode) {
        PlanCodec.encode($0).bytes
      },
      FuzzTarget("manifest", plans.map(manifest), decode: Manifest.decode) { $0.encode() },
      FuzzTarget(name: "journal", samples: [line.encode()]) { bytes in
        JournalEntry.decode(bytes) == nil ? .refused("a torn line") : .taken
      },
    ]
  }

  private static let digest = Digest.xxh3(Array("bytes".utf8)).description

  /// The manifest of a plan, its digests those of nothing.
  private static func manifest(_ plan: MergePlan) -> [UInt8] {
    Manifest(
      tool: "shardweld 0", plan: plan,
      commits: plan.jobs.map { job in
        Manifest.CommitDigests(
          shard: digest,
          tensors: job.recipes.map { _ in TensorDigests(output: digest, source: digest) })
      },
      adapterFiles: plan.adapters.map { _ in
        [FileDigest(name: "adapter_model.safetensors", byteCount: 7, digest: digest)]
      }, earlierAdapters: [],
      files: [FileDigest(name: "tokenizer.json", byteCount: 7, digest: digest)]
    ).encode()
  }

  /// Both directions of the wire: bytes that are taken must be the only ones of their message.
  static var messages: [FuzzTarget] {
    let envelope = Envelope(epoch: 3, session: 0x0123_4567_89AB_CDEF, sequence: 9)
    let attempt = AttemptID(job: 12, epoch: 3, attempt: 1)
    let slice = PlanSlice(offset: 4096, byteCount: 512, digest: digest)
    let fromWorker: [WorkerMessage] = [
      .hello(host: "node", processID: 77, threads: 8, running: [attempt, attempt]),
      .credit(count: 2), .progress(running: attempt, byteCount: 1 << 40, held: [attempt]),
      .result(.merge, attempt, .merged(byteCount: 4096, digest: digest, recordDigest: digest)),
      .result(.readBack, attempt, .readBack(byteCount: 4096, digest: digest)),
      .result(.merge, attempt, .failed(reason: "no space", isFinal: false, noSpace: true)),
      .result(.merge, attempt, .handedBack), .goodbye,
    ]
    let fromCoordinator: [CoordinatorMessage] = [
      .welcome(
        jobFolder: "/models/out.shardweld", planDigest: digest, heartbeatMilliseconds: 2000,
        leaseMilliseconds: 15_000),
      .refuse(reason: "another version"), .assign(.merge(attempt, slice)),
      .assign(.readBack(attempt)), .settled(.merge, attempt), .cancel(.readBack, attempt),
      .heartbeat, .dismiss, .farewell,
    ]
    return [
      FuzzTarget(
        name: "worker's message", samples: fromWorker.map { MessageCodec.encode($0, envelope) }
      ) { bytes in
        let (message, envelope): (WorkerMessage, Envelope)
        do throws(MessageError) {
          (message, envelope) = try MessageCodec.decodeWorker(bytes)
        } catch { return .refused(error.sentence) }
        return try same(MessageCodec.encode(message, envelope), bytes)
      },
      FuzzTarget(
        name: "coordinator's message",
        samples: fromCoordinator.map { MessageCodec.encode($0, envelope) }
      ) { bytes in
        let (message, envelope): (CoordinatorMessage, Envelope)
        do throws(MessageError) {
          (message, envelope) = try MessageCodec.decodeCoordinator(bytes)
        } catch { return .refused(error.sentence) }
        return try same(MessageCodec.encode(message, envelope), bytes)
      },
    ]
  }

  private static func same(_ written: [UInt8], _ read: [UInt8]) throws -> Answer {
    guard written == read else { throw Broken(description: "a message has two encodings") }
    return .taken
  }
}
