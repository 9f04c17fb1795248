// Targets that are a file or lie among files: what is around them is valid, so that their readers
// get as far as they can, up to a plan and to a merged shard.
import Checkpoints
import Merging
import Messaging
import OrderedJSON
import Planning
import Safetensors
import Storage
import TestSupport

extension FuzzTarget {
  private static let samples = [
    SampleTensor("a.weight", .bf16, [4, 8]), SampleTensor("a.bias", .f32, [4]),
    SampleTensor("empty", .f16, [0, 3]), SampleTensor("scalar", .f64, []),
    SampleTensor("packed", .i8, [2, 3]),
  ]

  /// A safetensors file with whatever length it claims.
  static func file(_ place: FuzzPlace) throws -> FuzzTarget {
    let path = place("file.safetensors")
    return FuzzTarget("file", [SampleFile.bytes(samples)]) { bytes in
      try FuzzPlace.put(bytes, at: path)
      return try readHeader(path)
    }
  }

  /// The text of a header behind two bytes that count the data's bytes; the length always fits.
  static func header(_ place: FuzzPlace) throws -> FuzzTarget {
    let whole = SampleFile.bytes(samples)
    let text = Array(whole[8..<(8 + Int(whole[0]) + Int(whole[1]) << 8)])
    let dataByteCount = whole.count - 8 - text.count
    let seed = [UInt8(dataByteCount), 0] + text
    let path = place("header.safetensors")
    return FuzzTarget("header", [seed, [0, 0] + Array("{}".utf8)]) { bytes in
      guard bytes.count >= 2 else { return .refused("no count of bytes") }
      let count = Int(bytes[0]) | Int(bytes[1]) << 8
      try FuzzPlace.put(SampleFile.raw(Array(bytes[2...]), dataByteCount: count), at: path)
      return try readHeader(path)
    }
  }

  /// A header that is taken must be written so that it reads back as the same.
  private static func readHeader(_ path: String) throws -> Answer {
    let header: ShardHeader
    do throws(SafetensorsError) { header = try ShardHeader.read(path) } catch {
      return .refused(error.sentence)
    }
    let tensors = header.tensors.filter { $0.name != "__metadata__" }
    let dataByteCount = header.fileByteCount - header.headerByteCount
    let text = ShardLayout.header(tensors.map { (name: $0.name, dtype: $0.dtype, shape: $0.shape) })
    try FuzzPlace.put(text + [UInt8](repeating: 0, count: Int(dataByteCount)), at: path)
    let again: ShardHeader
    do throws(SafetensorsError) { again = try ShardHeader.read(path) } catch {
      throw BrokenPromise("a header that was written is refused: \(error.sentence)")
    }
    guard again.tensors == tensors else {
      throw BrokenPromise("a header is another one once written")
    }
    return .taken
  }

  /// The index of a folder of two shards.
  static func index(_ place: FuzzPlace) throws -> FuzzTarget {
    let folder = place("index")
    try Folder.create(folder)
    for (name, samples) in [("a", samples[..<2]), ("b", samples[2...])] {
      try FuzzPlace.put(
        SampleFile.bytes(Array(samples)), at: Path.join(folder, name + ".safetensors"))
    }
    let seed =
      #"{"metadata":{"total_size":102},"weight_map":{"a.weight":"a.safetensors","#
      + #""a.bias":"a.safetensors","scalar":"b.safetensors"}}"#
    return FuzzTarget("index", [Array(seed.utf8)]) { bytes in
      try FuzzPlace.put(bytes, at: Path.join(folder, "model.safetensors.index.json"))
      do throws(CheckpointError) { _ = try Checkpoint.open(folder, cache: folder) } catch {
        return .refused(error.sentence)
      }
      return .taken
    }
  }

  /// A worker's secret key, then the coordinator's public one.
  static func keys(_ place: FuzzPlace) throws -> FuzzTarget {
    let folder = place("keys")
    try KeyFolder.create(folder, workers: ["worker"])
    let paths = ["worker.secret", "coordinator.public"].map { Path.join(folder, $0) }
    let seeds = try paths.map { try WholeFile.read($0) }
    return FuzzTarget("keys", seeds) { bytes in
      var answer = Answer.taken
      for (path, whole) in zip(paths, seeds) {
        try FuzzPlace.put(bytes, at: path, mode: 0o600)
        do throws(MessagingError) { _ = try KeyFolder.worker(folder) } catch {
          answer = .refused(error.sentence)
        }
        try FuzzPlace.put(whole, at: path, mode: 0o600)
      }
      return answer
    }
  }

  /// The list of workers' keys.
  static func authorizedKeys(_ place: FuzzPlace) throws -> FuzzTarget {
    let key = KeyPair.generate().publicKey
    let other = KeyPair.generate().publicKey
    let seed = Array("# workers\n\(key.text) node-17\n\n\(other.text)\tnode_18.a\r\n".utf8)
    let path = place("authorized_keys")
    return FuzzTarget("authorized-keys", [seed]) { bytes in
      try FuzzPlace.put(bytes, at: path)
      do throws(MessagingError) { _ = try AllowList(path: path).name(of: key) } catch {
        return .refused(error.sentence)
      }
      return .taken
    }
  }

  /// One file of a golden case, named by the first line; then everything up to the encoded plan and
  /// back, and to the merged shards. Of safetensors files the text of the header alone: length and
  /// data are put around it.
  static func planning(_ place: FuzzPlace) throws -> FuzzTarget {
    var parts: [String: PlanningPart] = [:]
    for place in try place.copies("planning") {
      for part in try PlanningPart.all(of: place) { parts[part.title] = part }
    }
    let path = place("planned.safetensors")
    let seeds = parts.keys.sorted().compactMap { parts[$0]?.seed }
    return FuzzTarget("planning", seeds) { [parts] bytes in
      let title = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
      guard let part = parts[title] else { return .refused("no such file") }
      return try part.with(Array(bytes.dropFirst(title.utf8.count + 1))) { place in
        switch place.plan() {
        case .failure(let refusal): return .refused(refusal.sentence)
        case .success(let plan):
          try carryOut(plan, to: path)
          return .taken
        }
      }
    }
  }

  /// A plan must be written so that it reads back as the same, and its jobs must be such as can be
  /// merged; that a weight is not finite, no plan can know.
  private static func carryOut(_ plan: MergePlan, to path: String) throws {
    let encoded = PlanCodec.encode(plan)
    let again: MergePlan
    do throws(PlanError) { again = try PlanCodec.decode(encoded.bytes) } catch {
      throw BrokenPromise("a plan's own text is refused: \(error.sentence)")
    }
    guard PlanCodec.encode(again) == encoded else {
      throw BrokenPromise("a plan is another one once read again")
    }
    for job in plan.jobs {
      let slice = try encoded.slice(job.id)
      do throws(MergingError) {
        _ = try ShardMerge(slice: slice, threads: 1, memoryByteCount: 20_000_000)
          .run(to: path) { _ in true }
      } catch {
        guard case .nonFinite = error else {
          throw BrokenPromise("a plan cannot be merged: \(error.sentence)")
        }
      }
      try Folder.removeTree(path)
    }
  }

  /// A job's line as a worker gets it, merged for real. Paths count from the golden cases' folder;
  /// a time of 0 stands for the file's own.
  static func merge(_ place: FuzzPlace) throws -> FuzzTarget {
    let path = place("merged.safetensors")
    return FuzzTarget("merge", try slices(place)) { bytes in
      var slice: JobSlice
      do throws(PlanError) { slice = try PlanCodec.decodeSlice(bytes) } catch {
        return .refused(error.sentence)
      }
      // Memory is the file system here: a file of gigabytes is not what is looked for.
      guard slice.job.byteCount < 1 << 26 else { return .refused("too large to be tried") }
      for index in slice.inputs.indices {
        guard Path.staysInside(slice.inputs[index].path) else { return .refused("a path outside") }
        let path = Path.join(FuzzPlace.cases, slice.inputs[index].path)
        slice.inputs[index].path = path
        if slice.inputs[index].modified == 0, let status = try FileStatus.of(path) {
          slice.inputs[index].modified = status.modified
        }
      }
      let merge = ShardMerge(slice: slice, threads: 1, memoryByteCount: 20_000_000)
      do throws(MergingError) { _ = try merge.run(to: path) { _ in true } } catch {
        return .refused(error.sentence)
      }
      try Folder.removeTree(path)
      return .taken
    }
  }
}
