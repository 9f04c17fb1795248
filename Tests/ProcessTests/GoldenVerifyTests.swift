// `shardweld verify` on outputs of the real program: a changed bit anywhere is found and named.
import Foundation
import Glibc
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GoldenVerifyTests {
  let bench: RefusalBench
  private var scratch: Scratch { bench.scratch }
  private var output: String { scratch("out") }
  private static let shard = RefusalBench.shards[1]

  /// An output of two shards with a side file.
  init() throws {
    bench = try RefusalBench()
    try scratch.write("base/assets/notes.txt", "notes")
    let run = try Command.run(bench.words(["--layout", "source", "--workers", "0"]))
    try #require(run.exitCode == 0, "\(run)")
  }

  private func verify(_ words: [String] = []) throws -> Command.Outcome {
    try Command.run(["verify", output, "--progress", "none"] + words)
  }

  /// Expects a difference, named by one sentence with all these words.
  private func expectDifference(
    _ words: [String] = [], naming: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try verify(words)
    #expect(run.exitCode == 3, "\(run)", sourceLocation: sourceLocation)
    #expect(run.output.isEmpty, "\(run)", sourceLocation: sourceLocation)
    #expect(run.errorLines.count == 1, "\(run)", sourceLocation: sourceLocation)
    for text in ["shardweld: "] + naming {
      #expect(run.errors.contains(text), "\(text) in \(run)", sourceLocation: sourceLocation)
    }
  }

  /// Changes one bit of a file of the output.
  private func flip(_ name: String, byte: Int, bit: UInt8 = 0) throws {
    var bytes = try scratch.read("out/" + name)
    bytes[byte] ^= 1 << bit
    let handle = try FileHandle(forWritingTo: URL(filePath: scratch("out/" + name)))
    try handle.seek(toOffset: UInt64(byte))
    try handle.write(contentsOf: [bytes[byte]])
    try handle.close()
  }

  private func expectGood() throws {
    let run = try verify()
    #expect(run.exitCode == 0, "\(run)")
  }

  // MARK: Bits

  @Test func `a bit flipped in any tensor is found and the tensor named`() throws {
    try expectGood()
    var regionCount = 0
    for shard in RefusalBench.shards {
      let tensors = try GoldenCheckpoint(output).shards[shard]!
      let file = try scratch.read("out/" + shard)
      var start = file.count - tensors.reduce(0) { $0 + $1.bytes.count }
      for tensor in tensors {
        let last = start + tensor.bytes.count - 1
        for (byte, bit) in [(start, UInt8(0)), (last, 7)] {
          try flip(shard, byte: byte, bit: bit)
          try expectDifference(naming: [scratch("out/" + shard), "tensor \(tensor.name) "])
          try flip(shard, byte: byte, bit: bit)
        }
        start = last + 1
        regionCount += 1
      }
      #expect(start == file.count)
    }
    #expect(regionCount == 5)
    try expectGood()
  }

  @Test func `a bit flipped in a shard's header is found`() throws {
    let path = scratch("out/" + Self.shard)
    let text = String(decoding: try scratch.read("out/" + Self.shard).prefix(400), as: UTF8.self)
    let inName = text.utf8.distance(
      from: text.utf8.startIndex, to: text.range(of: "lm_head")!.lowerBound)
    for (byte, bit) in [(0, UInt8(0)), (7, 7), (8, 0), (inName, 1)] {
      try flip(Self.shard, byte: byte, bit: bit)
      try expectDifference(naming: [path, "header"])
      try flip(Self.shard, byte: byte, bit: bit)
    }
    try expectGood()
  }

  @Test(arguments: ["config.json", "tokenizer.json", "assets/notes.txt"])
  func `a bit flipped in a file beside the weights is found`(_ name: String) throws {
    let count = try scratch.read("out/" + name).count
    for byte in Set([0, count / 2, count - 1]) {
      try flip(name, byte: byte)
      try expectDifference(naming: [scratch("out/" + name)])
      try flip(name, byte: byte)
    }
    try expectGood()
  }

  @Test func `a bit flipped in the index is found`() throws {
    let name = "model.safetensors.index.json"
    let count = try scratch.read("out/" + name).count
    for byte in stride(from: 0, to: count, by: 37) {
      try flip(name, byte: byte)
      try expectDifference(naming: [scratch("out/" + name)])
      try flip(name, byte: byte)
    }
    try expectGood()
  }

  @Test func `a bit flipped anywhere in the manifest is found`() throws {
    let count = try scratch.read("out/shardweld.json").count
    // Every region of it: options, base, adapters, files, shards, its own digest; not the digit
    // behind "manifest", which tells the format.
    for byte in Array(stride(from: 0, to: count, by: 61)) + [count - 5, count - 2] {
      try flip("shardweld.json", byte: byte)
      let run = try verify()
      #expect(run.exitCode == 3, "byte \(byte): \(run)")
      #expect(run.errorLines.count == 1, "byte \(byte): \(run)")
      #expect(run.errors.contains(output), "byte \(byte): \(run)")
      try flip("shardweld.json", byte: byte)
    }
    try expectGood()
  }

  // MARK: Files

  @Test func `a missing, a cut and a longer shard are found`() throws {
    let path = scratch("out/" + Self.shard)
    let bytes = try scratch.read("out/" + Self.shard)
    try FileManager.default.removeItem(atPath: path)
    try expectDifference(naming: [path, "missing"])
    for wrong in [Array(bytes.dropLast()), Array(bytes.prefix(5)), [], bytes + [0]] {
      try scratch.write("out/" + Self.shard, wrong)
      try expectDifference(
        naming: [path, "\(wrong.count) bytes", "\(bytes.count) expected"])
    }
    try scratch.write("out/" + Self.shard, bytes)
    try expectGood()
  }

  @Test(arguments: ["config.json", "tokenizer.json", "model.safetensors.index.json"])
  func `a missing file beside the weights is found`(_ name: String) throws {
    try FileManager.default.removeItem(atPath: scratch("out/" + name))
    try expectDifference(naming: [scratch("out/" + name)])
  }

  @Test func `shards that changed places are found`() throws {
    let (one, two) = (RefusalBench.shards[0], RefusalBench.shards[1])
    let (a, b) = (try scratch.read("out/" + one), try scratch.read("out/" + two))
    try scratch.write("out/" + one, b)
    try scratch.write("out/" + two, a)
    try expectDifference(naming: [scratch("out/" + one)])
  }

  @Test func `a shard that the index lists and the manifest does not know is found`() throws {
    let extra = "model-00009-of-00002.safetensors"
    try FileManager.default.copyItem(
      atPath: scratch("out/" + Self.shard), toPath: scratch("out/" + extra))
    let name = "out/model.safetensors.index.json"
    let text = String(decoding: try scratch.read(name), as: UTF8.self)
    try scratch.write(name, text.replacing(Self.shard, with: extra))
    try expectDifference(naming: [scratch(name), extra])
  }

  @Test func `a file that was added is told and does no harm`() throws {
    try scratch.write("out/extra.safetensors", "more")
    let run = try verify()
    #expect(run.exitCode == 0, "\(run)")
    #expect(run.errors.contains("extra.safetensors is not in the manifest"), "\(run)")
  }

  @Test func `a folder without a manifest is no output`() throws {
    let run = try Command.run(["verify", scratch("base")])
    #expect(run.exitCode == 2, "\(run)")
    #expect(run.errors.contains(scratch("base")) && run.errors.contains("shardweld.json"))
  }

  // MARK: Inputs

  private func inputs(_ base: String = "base", _ adapter: String = "adapter") -> [String] {
    ["--base", scratch(base), "--adapter", scratch(adapter)]
  }

  @Test func `a good output passes with its inputs and all of it merged again`() throws {
    let run = try verify(inputs() + ["--recompute", "100", "--json"])
    #expect(run.exitCode == 0, "\(run)")
    let json = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    #expect(json?["verified"] as? Bool == true)
    #expect(json?["recomputed"] as? Int == 2)
    #expect(json?["inputsChecked"] as? Bool == true)
  }

  @Test func `what was merged in Float64 is merged again in Float64`() throws {
    let words = ["--layout", "source", "--workers", "1", "--overwrite", "--accumulate", "f64"]
    let run = try Command.run(bench.words(words))
    try #require(run.exitCode == 0, "\(run)")
    let manifest = try String(contentsOfFile: output + "/shardweld.json", encoding: .utf8)
    #expect(manifest.contains(#""contract":"f64-once""#))
    let again = try verify(inputs() + ["--recompute", "100"])
    #expect(again.exitCode == 0, "\(again)")
    #expect(again.output.contains("2 tensors again, bit for bit the same"), "\(again)")
  }

  @Test func `a base whose weights changed is found and the tensor named`() throws {
    let shard = RefusalBench.shards[1]
    var bytes = try scratch.read("base/" + shard)
    bytes[bytes.count - 1] ^= 1
    try scratch.write("base/" + shard, bytes)
    try expectDifference(["--base", scratch("base")], naming: [scratch("base/" + shard), "\""])
  }

  @Test func `another adapter is found`() throws {
    try bench.writeAdapter(
      "other",
      tensors: RefusalBench.modules.flatMap {
        GoldenModel.pair($0, out: 32, in: 16, rank: 4, seed: 70)
      })
    for words in [[], ["--recompute", "100"]] {
      try expectDifference(inputs("base", "other") + words, naming: [scratch("other")])
    }
  }

  @Test func `another strength is found`() throws {
    try expectDifference(
      inputs("base", "adapter=0.5") + ["--recompute", "100"],
      naming: [scratch("adapter"), "strength 1.0, not 0.5"])
  }

  @Test func `an adapter whose config changed is found`() throws {
    try scratch.write(
      "adapter/adapter_config.json", GoldenModel.adapterConfig(rank: 4, alpha: 16))
    try expectDifference(inputs(), naming: [scratch("adapter")])
  }

  @Test func `one adapter more is found`() throws {
    try bench.writeAdapter(
      "other",
      tensors: RefusalBench.modules.flatMap {
        GoldenModel.pair($0, out: 32, in: 16, rank: 4, seed: 70)
      })
    try expectDifference(
      inputs() + ["--adapter", scratch("other")], naming: ["1 adapters were merged, but 2"])
  }

  @Test func `another base is found`() throws {
    var tensors = RefusalBench.tensors[0]
    tensors[1] = GoldenModel.tensor(tensors[1].name, .bf16, [32, 16], seed: 60)
    try scratch.write("base/" + RefusalBench.shards[0], tensors)
    try expectDifference(
      inputs() + ["--recompute", "100"], naming: [tensors[1].name])
    // Another header shows without arithmetic.
    tensors[0] = GoldenModel.tensor(tensors[0].name, .bf16, [25, 16], seed: 1)
    try scratch.write("base/" + RefusalBench.shards[0], tensors)
    try expectDifference(inputs(), naming: [scratch("base/" + RefusalBench.shards[0])])
  }

  @Test func `an output merged by workers with all options passes too`() throws {
    let run = try Command.run(
      bench.words(
        output: scratch("full"),
        ["--workers", "2", "--dtype", "f32", "--digest", "sha256", "--max-shard-size", "2KB"]))
    #expect(run.exitCode == 0, "\(run)")
    let check = try Command.run(["verify", scratch("full"), "--recompute", "100"] + inputs())
    #expect(check.exitCode == 0, "\(check)")
    #expect(check.output.contains("5 tensors again"), "\(check)")
  }
}
