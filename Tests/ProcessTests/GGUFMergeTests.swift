// Merges of llama.cpp's files by the real program: the output is the file that gguf-py writes of
// the same merge, byte for byte.
import Foundation
import GGUF
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct GGUFMergeTests {
  let scratch = Scratch()

  private static let root = GoldenCase.fixtures + "/gguf/merges/"

  struct Golden: Sendable {
    var base = "base"
    var adapter = "adapter"
    var expected: String
    var words: [String] = []
  }

  private static let all = [
    Golden(expected: "touched"), Golden(expected: "bf16", words: ["--dtype", "bf16"]),
    Golden(expected: "q8_0", words: ["--requantize", "q8_0"]),
    Golden(expected: "q4_1", words: ["--requantize", "q4_1"]),
    Golden(base: "readable", expected: "all", words: ["--dequantize", "all"]),
    Golden(
      base: "same-base", adapter: "same-adapter", expected: "same",
      words: ["--requantize", "same"]),
  ]

  private func merge(
    _ base: String, to output: String, _ words: [String], adapter: String = "adapter"
  ) throws -> [String: Data] {
    try GoldenMerge.run(
      base: base, adapters: [Self.root + adapter], to: scratch(output), words)
    return try GoldenFolder(scratch(output)).files
  }

  private func expected(_ name: String) throws -> Data {
    try Data(contentsOf: URL(filePath: Self.root + name + ".gguf"))
  }

  @Test(arguments: all, ["0", "2"])
  func `the output is the file that gguf-py writes`(golden: Golden, workers: String) throws {
    let files = try merge(
      Self.root + golden.base + ".gguf", to: "merged", golden.words + ["--workers", workers],
      adapter: golden.adapter)
    #expect(files.keys.sorted() == [golden.base + ".gguf", "shardweld.json"])
    #expect(files[golden.base + ".gguf"] == (try expected(golden.expected)))
    let verified = try Command.run(["verify", scratch("merged")])
    #expect(verified.exitCode == 0, "\(verified)")
    let again = try Command.run([
      "verify", scratch("merged"), "--base", Self.root + golden.base + ".gguf", "--adapter",
      Self.root + golden.adapter, "--recompute", "100%",
    ])
    #expect(again.exitCode == 0 && again.output.contains("tensors again"), "\(again)")
  }

  @Test func `a split base gives a split output, file by file`() throws {
    var files = try merge(Self.root + "split", to: "merged", [])
    files["shardweld.json"] = nil
    #expect(files == (try GoldenFolder(Self.root + "split-touched").files))
  }

  @Test func `any file of a set is the base, and a large size makes one file of it`() throws {
    let base = Self.root + "split/base-00002-of-00003.gguf"
    let files = try merge(base, to: "merged", ["--max-shard-size", "1GB"])
    #expect(files["base.gguf"] == (try expected("touched")))
  }

  @Test func `a size splits the output into a set with the same tensors`() throws {
    let files = try merge(Self.root + "base.gguf", to: "merged", ["--max-shard-size", "4KB"])
    let names = files.keys.filter { $0.hasSuffix(".gguf") }.sorted()
    #expect(names.count > 2)
    let split = try tensors(scratch("merged/" + names[0]))
    #expect(split == (try tensors(Self.root + "touched.gguf")))
    let verified = try Command.run(["verify", scratch("merged")])
    #expect(verified.exitCode == 0, "\(verified)")
  }

  /// Each tensor's type, shape and bytes, by its name.
  private func tensors(_ path: String) throws -> [String: String] {
    var tensors: [String: String] = [:]
    for file in try GGUFModel.read(path).files {
      let data = try Data(contentsOf: URL(filePath: file.path)).dropFirst(Int(file.dataOffset))
      for tensor in file.tensors {
        let range = Int(tensor.byteRange.lowerBound)..<Int(tensor.byteRange.upperBound)
        let bytes = data.dropFirst(range.lowerBound).prefix(range.count)
        tensors[tensor.name] =
          "\(tensor.type.name) \(tensor.shape) \(bytes.base64EncodedString())"
      }
    }
    return tensors
  }

  @Test(arguments: [8, 100, 1200])
  func `verify finds a bit that turned, in keys, descriptions and padding too`(
    offset: Int
  ) throws {
    var file = try #require(
      try merge(Self.root + "base.gguf", to: "merged", [])["base.gguf"])
    // The third: zeros between two tensors.
    let place = offset < 1000 ? offset : try gap(scratch("merged/base.gguf"))
    file[place] ^= 1
    try file.write(to: URL(filePath: scratch("merged/base.gguf")))
    let verified = try Command.run(["verify", scratch("merged")])
    #expect(verified.exitCode == 3, "\(verified)")
  }

  /// A byte of padding.
  private func gap(_ path: String) throws -> Int {
    let file = try GGUFFile.read(path)
    let end = try #require(
      file.tensors.first { $0.byteRange.upperBound % file.alignment != 0 }?.byteRange.upperBound)
    return Int(file.dataOffset + end)
  }

  @Test func `a base whose metadata changed is told apart by verify`() throws {
    var base = try Data(contentsOf: URL(filePath: Self.root + "base.gguf"))
    try base.write(to: URL(filePath: scratch("base.gguf")))
    _ = try merge(scratch("base.gguf"), to: "merged", [])
    let words = ["verify", scratch("merged"), "--base", scratch("base.gguf")]
    #expect(try Command.run(words).exitCode == 0)
    let text = try #require(base.firstRange(of: Data("A model to merge".utf8)))
    base[text.lowerBound] ^= 32
    try base.write(to: URL(filePath: scratch("base.gguf")))
    let verified = try Command.run(words)
    #expect(verified.exitCode == 3, "\(verified)")
  }

  @Test func `a manifest beside a lone file counts where it names the file`() throws {
    _ = try merge(Self.root + "base.gguf", to: "merged", [])
    let (own, other) = (scratch("merged/base.gguf"), scratch("merged/original.gguf"))
    try FileManager.default.copyItem(atPath: Self.root + "base.gguf", toPath: other)
    func words(_ base: String, _ output: String) -> [String] {
      [
        "merge", "--base", base, "--adapter", Self.root + "adapter", "--output", scratch(output),
      ]
    }
    let run = try Command.run(words(own, "twice"))
    #expect(run.exitCode == 2 && run.errors.contains("is itself a merge that holds"), "\(run)")
    let first = try Command.run(words(other, "once"))
    #expect(first.exitCode == 0, "\(first)")
    let manifest = try String(contentsOfFile: scratch("once/shardweld.json"), encoding: .utf8)
    #expect(manifest.contains("\"earlierAdapters\":[]"))
  }

  // MARK: Refusals

  @Test(arguments: [
    (
      ["--requantize", "same"],
      "\"blk.0.attn_q.weight\" is stored as GGUF Q4_K and cannot be quantised again: this tool has "
        + "no quantiser of this form; name one that it has, such as --requantize q8_0, or leave "
        + "the option away"
    ),
    (
      ["--dequantize", "all"],
      "\"blk.0.rare.weight\" is stored as GGUF IQ2_XXS, which is copied but not read; use a base "
        + "of another type"
    ),
  ])
  func `what has no way is refused, and nothing is written`(
    words: [String], sentence: String
  ) throws {
    let run = try Command.run(
      [
        "merge", "--base", Self.root + "base.gguf", "--adapter", Self.root + "adapter",
        "--output", scratch("merged"),
      ] + words)
    #expect(run.exitCode == 2 && run.errors.contains(sentence), "\(run)")
    #expect(!FileManager.default.fileExists(atPath: scratch("merged")))
  }
}
