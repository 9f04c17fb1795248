// Texts of the job's folder and the manifest: what is read must be written so that it reads back as
// the same.
import Ledger
import Messaging
import OrderedJSON
import Planning
import Publishing
import Safetensors
import Storage
import _StringProcessing

extension FuzzTarget {
  /// A reader of one record whose writer must give the same bytes for what it read.
  private init<Record>(
    _ name: String, _ seeds: [[UInt8]],
    decode: @escaping ([UInt8]) throws(PlanError) -> Record,
    encode: @escaping (Record) -> [UInt8]
  ) {
    self.init(name, seeds) { bytes in
      let record: Record
      do throws(PlanError) { record = try decode(bytes) } catch { return .refused(error.sentence) }
      let written = encode(record)
      let again: Record
      do throws(PlanError) { again = try decode(written) } catch {
        throw BrokenPromise("\(name): what was written is refused: \(error.sentence)")
      }
      guard encode(again) == written else {
        throw BrokenPromise("\(name): read and written again it is another one")
      }
      return .taken
    }
  }

  private static let digest = Digest.xxh3(Array("bytes".utf8)).description
  private static let digests = [TensorDigests(output: digest, source: digest)]
  private static let attemptID = AttemptID(job: 3, epoch: 2, attempt: 1)

  static var commit: FuzzTarget {
    let record = CommitRecord(
      job: 3, shardName: "model-00001-of-00002.safetensors", byteCount: 4096, digest: digest,
      tensors: digests, attempt: attemptID, host: "node", processID: 77, milliseconds: 5,
      readBackBy: "node/78")
    return FuzzTarget("commit", [record.encode()], decode: CommitRecord.decode) { $0.encode() }
  }

  static var attempt: FuzzTarget {
    let record = AttemptRecord(
      attempt: attemptID, byteCount: 4096, digest: digest, tensors: digests, host: "node",
      processID: 77, milliseconds: 5, kernel: "avx2")
    return FuzzTarget("attempt", [record.encode()], decode: AttemptRecord.decode) { $0.encode() }
  }

  static var epoch: FuzzTarget {
    let record = EpochRecord(
      number: 2, host: "node", bootID: "0e3f", processID: 77, endpoint: "tcp://node:5555",
      publicKey: KeyPair.generate().publicKey.text)
    return FuzzTarget("epoch", [record.encode()], decode: EpochRecord.decode) { $0.encode() }
  }

  static var journal: FuzzTarget {
    let line = JournalEntry(
      time: 1, kind: "assigned", attempt: attemptID, worker: "node/77", text: "a text")
    let other = JournalEntry(time: -1, kind: "begun")
    return FuzzTarget("journal", [line.encode(), other.encode()]) { bytes in
      guard let entry = JournalEntry.decode(bytes) else { return .refused("a torn line") }
      guard JournalEntry.decode(entry.encode()) == entry else {
        throw BrokenPromise("a line of history is another one once written")
      }
      return .taken
    }
  }

  static func plan(_ place: FuzzPlace) throws -> FuzzTarget {
    let plans = try place.plans().map(short)
    let seeds = variants(of: plans).map { PlanCodec.encode($0).bytes }
    return FuzzTarget("plan", seeds, decode: PlanCodec.decode) { PlanCodec.encode($0).bytes }
  }

  static func manifest(_ place: FuzzPlace) throws -> FuzzTarget {
    let plans = try place.plans().map(short)
    let seeds = (plans + plans.prefix(1).map(led)).map { Self.manifest(of: $0).encode() }
    let target = FuzzTarget("manifest", seeds, decode: Manifest.decode) { $0.encode() }
    return FuzzTarget("manifest", seeds) { bytes in try target.feed(mended(bytes)) }
  }

  /// A manifest with its two digests of itself put right, which no mutation could.
  private static func mended(_ bytes: [UInt8]) -> [UInt8] {
    var text = String(decoding: bytes, as: UTF8.self)
    for member in ["output", "digest"] {
      do throws(PlanError) { _ = try Manifest.decode(Array(text.utf8)) } catch {
        // The fact reads: `FOUND, its files give EXPECTED`.
        guard case .invalid(member, let fact) = error, let found = fact.split(separator: ",").first,
          let expected = fact.split(separator: " ").last,
          let place = text.range(of: found, last: member == "digest")
        else { return bytes }
        text.replaceSubrange(place, with: expected)
      }
    }
    return Array(text.utf8)
  }

  static func slice(_ place: FuzzPlace) throws -> FuzzTarget {
    FuzzTarget("slice", try slices(place)) { bytes in
      let slice: JobSlice
      do throws(PlanError) { slice = try PlanCodec.decodeSlice(bytes) } catch {
        return .refused(error.sentence)
      }
      // As the only job of a plan it must be written again and read back as the same.
      var plan = MergePlan(
        basePath: "", options: slice.options, inputs: slice.inputs, adapters: [], jobs: [slice.job],
        hasIndex: false, configChanges: [], setAside: [], warnings: [])
      plan.jobs[0].id = 0
      let written: JobSlice
      do throws(PlanError) { written = try PlanCodec.encode(plan).slice(0) } catch {
        throw BrokenPromise("a slice that was written is refused: \(error.sentence)")
      }
      guard written.job.recipes.count == slice.job.recipes.count,
        written.job.shardName == slice.job.shardName, written.options == slice.options
      else { throw BrokenPromise("a slice is another one once written") }
      return .taken
    }
  }

  /// Lines of the cases' plans, as workers get them.
  static func slices(_ place: FuzzPlace) throws -> [[UInt8]] {
    variants(of: try place.plans().map(short)).flatMap { plan in
      let encoded = PlanCodec.encode(plan)
      return encoded.slices.map { slice in
        Array(encoded.bytes[Int(slice.offset)..<Int(slice.offset + slice.byteCount)])
      }
    }
  }

  /// The plan with paths from the cases' folder and no times, the same in every checkout; of each
  /// job a few recipes, since small inputs are found out about sooner.
  private static func short(_ plan: MergePlan) -> MergePlan {
    var plan = plan
    func relative(_ path: String) -> String {
      path.hasPrefix(FuzzPlace.cases + "/")
        ? String(path.dropFirst(FuzzPlace.cases.count + 1)) : path
    }
    plan.basePath = relative(plan.basePath)
    for index in plan.inputs.indices {
      plan.inputs[index].path = relative(plan.inputs[index].path)
      plan.inputs[index].modified = 0
    }
    for index in plan.adapters.indices {
      plan.adapters[index].path = relative(plan.adapters[index].path)
    }
    for index in plan.jobs.indices { plan.jobs[index].shorten() }
    return plan
  }

  /// Plans, and what the cases have none of.
  private static func variants(of plans: [MergePlan]) -> [MergePlan] {
    plans + plans.prefix(1).map(turned) + plans.prefix(1).map(led)
  }

  /// The same with preludes before the tensors, as files of llama.cpp's container have them.
  private static func led(_ plan: MergePlan) -> MergePlan {
    var plan = plan
    for job in plan.jobs.indices {
      let file = plan.jobs[job].recipes[0].source.file
      plan.jobs[job].prelude = Prelude(
        pieces: [.bytes([71, 71]), .input(file: file, offset: 0, byteCount: 0), .zeros(30)],
        digest: Digest.xxh3([71, 71] + Array(repeating: 0, count: 30)).description, alignment: 32)
      plan.jobs[job].layOut(headerByteCount: 32)
    }
    return plan
  }

  /// The same with every matrix of the base read as if its columns lay one behind the other.
  private static func turned(_ plan: MergePlan) -> MergePlan {
    var plan = plan
    for job in plan.jobs.indices {
      for index in plan.jobs[job].recipes.indices {
        let recipe = plan.jobs[job].recipes[index]
        let input = plan.inputs[recipe.source.file]
        guard recipe.shape.count == 2, input.role == .base,
          let view = StridedView(
            offset: input.extent, start: recipe.source.offset,
            elementByteCount: recipe.source.dtype.byteCount, shape: recipe.shape,
            strides: [1, recipe.shape[0]], fileByteCount: input.byteCount)
        else { continue }
        plan.inputs[recipe.source.file].views.append(view)
        plan.jobs[job].recipes[index].source.offset = view.offset
      }
    }
    return plan
  }

  /// The manifest of a plan, its digests those of nothing.
  private static func manifest(of plan: MergePlan) -> Manifest {
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
      files: [FileDigest(name: "tokenizer.json", byteCount: 7, digest: digest)])
  }
}

extension MergeJob {
  /// Keeps a copied tensor and two that change, where there are so many.
  fileprivate mutating func shorten() {
    let copies = recipes.filter(\.updates.isEmpty)
    recipes = copies.prefix(1) + Array(recipes.filter { !$0.updates.isEmpty }.prefix(2))
    layOut(headerByteCount: Int64(header?.count ?? 0))
  }

  fileprivate mutating func layOut(headerByteCount: Int64) {
    var offset: Int64 = 0
    for index in recipes.indices {
      recipes[index].offset = offset
      offset = end(of: recipes[index])
    }
    self.headerByteCount = headerByteCount
    byteCount = headerByteCount + offset
  }
}

extension String {
  /// Where a text stands, the first or the last time.
  fileprivate func range(of part: Substring, last: Bool) -> Range<String.Index>? {
    let ranges = self.ranges(of: part)
    return last ? ranges.last : ranges.first
  }
}
