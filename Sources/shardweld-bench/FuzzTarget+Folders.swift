// Targets that are files among files: what lies around the mutated one is valid, so that its readers
// get as far as they can, up to a plan and to a merged shard.
import Adapters
import Checkpoints
import Merging
import Messaging
import Planning
import Publishing
import Safetensors
import Storage
import TestSupport

/// A golden case, copied to where its files may be changed.
struct FuzzCase {
  let base: String
  let adapter: String

  /// Copies a case's base and adapter, without folders in them.
  init(copying name: String, of cases: String, to folder: String) throws {
    base = Path.join(folder, name + "/base")
    adapter = Path.join(folder, name + "/adapter")
    for (part, folder) in [("base", base), ("adapter", adapter)] {
      try Folder.create(folder)
      let source = Path.join(cases, name + "/" + part)
      for file in try Folder.list(source) {
        try Self.put(WholeFile.read(Path.join(source, file)), at: Path.join(folder, file))
      }
    }
  }

  /// Replaces a file, without a flush.
  static func put(_ bytes: [UInt8], at path: String) throws(StorageError) {
    try Folder.removeTree(path)
    let file = try File.create(path)
    try file.write(bytes, at: 0)
    try file.close()
  }

  /// The plan of the files as they are now, or why there is none.
  func plan() -> Result<MergePlan, FuzzRefusal> {
    do {
      let checkpoint = try Checkpoint.open(base)
      let adapter = try Adapter.open(adapter)
      return .success(
        try Planner.plan(checkpoint, adapters: [(adapter, 0.5)], options: MergeOptions()))
    } catch let error as CheckpointError {
      return .failure(FuzzRefusal(error.sentence))
    } catch let error as AdapterError {
      return .failure(FuzzRefusal(error.sentence))
    } catch let error as PlanningError {
      return .failure(FuzzRefusal(error.sentence))
    } catch { return .failure(FuzzRefusal("")) }
  }
}

/// Why an input was refused; empty where the error has no sentence.
struct FuzzRefusal: Error {
  let sentence: String
  init(_ sentence: String) { self.sentence = sentence }
}

extension FuzzTarget {
  /// One file of a case, mutated; then everything up to the encoded plan and back.
  static func planned(_ name: String, _ place: FuzzCase, _ path: String) throws -> FuzzTarget {
    let whole = try WholeFile.read(path)
    return FuzzTarget(name: name, samples: [whole]) { bytes in
      try FuzzCase.put(bytes, at: path)
      let result = place.plan()
      try FuzzCase.put(whole, at: path)
      switch result {
      case .failure(let refusal): return .refused(refusal.sentence)
      case .success(let plan):
        let encoded = PlanCodec.encode(plan)
        let again: MergePlan
        do throws(PlanError) { again = try PlanCodec.decode(encoded.bytes) } catch {
          throw Broken(description: "\(name): a plan's own text is refused: \(error.sentence)")
        }
        guard PlanCodec.encode(again) == encoded else {
          throw Broken(description: "\(name): a plan is another one once read again")
        }
        return .taken
      }
    }
  }

  /// A small shard alone, so that most changes fall into its header.
  static func header(_ scratch: Scratch) -> FuzzTarget {
    let sample = SampleFile.bytes([
      SampleTensor("a.weight", .bf16, [4, 8]), SampleTensor("a.bias", .f32, [4]),
      SampleTensor("empty", .f16, [0, 3]), SampleTensor("scalar", .f64, []),
      SampleTensor("packed", .i8, [2, 3]),
    ])
    let path = scratch("header.safetensors")
    return FuzzTarget(name: "header", samples: [sample]) { bytes in
      // Half of the inputs get a length that fits, or the length would hide the rest.
      var bytes = bytes
      if bytes.count > 8, bytes[bytes.count - 1] & 1 == 0 {
        let old = sample.count - (32 * 2 + 16 + 8 + 6)
        let length = UInt64(max(0, old + bytes.count - sample.count - 8))
        for index in 0..<8 {
          bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt64(index)))
        }
      }
      try FuzzCase.put(bytes, at: path)
      do throws(SafetensorsError) { _ = try ShardHeader.read(path) } catch {
        return .refused(error.sentence)
      }
      return .taken
    }
  }

  /// Lines of plans as a worker gets them; what decodes is merged too.
  static func slices(_ plans: [MergePlan], _ scratch: Scratch) -> FuzzTarget {
    let samples = plans.flatMap { plan in
      let encoded = PlanCodec.encode(plan)
      return encoded.slices.map { slice in
        Array(encoded.bytes[Int(slice.offset)..<Int(slice.offset + slice.byteCount)])
      }
    }
    let path = scratch("merged.safetensors")
    return FuzzTarget(name: "slice", samples: samples) { bytes in
      let slice: JobSlice
      do throws(PlanError) { slice = try PlanCodec.decodeSlice(bytes) } catch {
        return .refused(error.sentence)
      }
      let merge = ShardMerge(slice: slice, threads: 2, memoryByteCount: 20_000_000)
      do throws(MergingError) { _ = try merge.run(to: path) { _ in true } } catch {
        return .refused(error.sentence)
      }
      try Folder.removeTree(path)
      return .taken
    }
  }

  /// The list of workers' keys.
  static func authorizedKeys(_ scratch: Scratch) -> FuzzTarget {
    let key = KeyPair.generate().publicKey
    let other = KeyPair.generate().publicKey
    let sample = Array("# workers\n\(key.text) node-17\n\n\(other.text)\tnode_18.a\r\n".utf8)
    let path = scratch("authorized_keys")
    return FuzzTarget(name: "authorized_keys", samples: [sample]) { bytes in
      try FuzzCase.put(bytes, at: path)
      do throws(MessagingError) {
        _ = try AllowList(path: path).name(of: key)
      } catch { return .refused(error.sentence) }
      return .taken
    }
  }

  /// A config, changed as a merge changes it.
  static func config(_ samples: [[UInt8]]) -> FuzzTarget {
    let changes = [
      ConfigChange(path: ["torch_dtype"], value: "\"float16\""),
      ConfigChange(path: ["text_config", "torch_dtype"], value: "\"float16\""),
    ]
    return FuzzTarget(name: "config", samples: samples) { bytes in
      do throws(ConfigEdit.Fault) {
        _ = try ConfigEdit.apply(changes, to: bytes)
      } catch { return .refused("\(error)") }
      return .taken
    }
  }
}
