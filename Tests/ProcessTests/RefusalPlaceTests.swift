// Outputs in places where they would harm something, and disks that are too small.
import Foundation
import Glibc
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalPlaceTests {
  let bench: RefusalBench
  private var scratch: Scratch { bench.scratch }
  private var base: String { scratch("base") }

  init() throws { bench = try RefusalBench() }

  @Test(arguments: [[], ["--workers", "0"], ["--restart"], ["--dry-run"]])
  func `an output that holds something is refused`(_ words: [String]) throws {
    try scratch.write("out/notes.txt", "mine")
    try bench.expectRefusal(words, naming: [scratch("out"), "not empty", "--overwrite"])
  }

  @Test func `a finished merge is not replaced unasked`() throws {
    #expect(try Command.run(bench.words()).exitCode == 0)
    try bench.expectRefusal(naming: [scratch("out"), "finished merge", "--overwrite"])
  }

  @Test func `overwrite does not replace a folder that holds no checkpoint`() throws {
    try scratch.write("out/thesis.tex", "mine")
    try bench.expectRefusal(["--overwrite"], naming: [scratch("out"), "no checkpoint"])
  }

  @Test func `overwrite does not replace a folder of several gguf models`() throws {
    for name in ["a.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf"] {
      try scratch.write("out/" + name, "a model")
    }
    try bench.expectRefusal(["--overwrite"], naming: [scratch("out"), "2 models"])
  }

  @Test(arguments: [[], ["--overwrite"], ["--dry-run"]])
  func `an output that is a file is refused`(_ words: [String]) throws {
    try scratch.write("out", "a file")
    try bench.expectRefusal(words, naming: [scratch("out"), "not a folder"])
  }

  @Test func `an output below a file is refused`() throws {
    try scratch.write("file", "a file")
    for output in ["file/out", "file/deep/out"] {
      try bench.expectRefusal(output: scratch(output), naming: [scratch("file"), "not a folder"])
    }
  }

  @Test(arguments: ["", "/", "/.", "/../base", "/merged", "/deep/merged"])
  func `an output that is the base or inside it is refused`(_ tail: String) throws {
    for words in [[], ["--overwrite"], ["--restart"]] {
      try bench.expectRefusal(output: base + tail, words, naming: [base, "inside the base"])
    }
  }

  @Test(arguments: ["link/merged", "link/new/merged"])
  func `an output inside the base by way of a link is refused`(_ output: String) throws {
    try scratch.link("link", to: base)
    try bench.expectRefusal(output: scratch(output), naming: [base, "inside the base"])
  }

  @Test func `a base that is a link to the output is refused`() throws {
    try FileManager.default.moveItem(atPath: base, toPath: scratch("out"))
    try scratch.link("base", to: scratch("out"))
    for words in [[], ["--overwrite"]] {
      try bench.expectRefusal(words, naming: [scratch("out"), "inside the base"])
    }
  }

  @Test func `an output that holds an input is refused`() throws {
    try FileManager.default.createDirectory(
      atPath: scratch("out"), withIntermediateDirectories: false)
    try FileManager.default.moveItem(atPath: base, toPath: scratch("out/base"))
    try bench.expectRefusal(
      base: scratch("out/base"), ["--overwrite"], naming: [scratch("out/base"), scratch("out")])
    try FileManager.default.moveItem(atPath: scratch("out/base"), toPath: base)
    try bench.writeAdapter("out")
    try bench.expectRefusal(
      adapters: [scratch("out")], ["--overwrite"], naming: [scratch("out"), "inside the output"])
  }

  @Test(arguments: [[], ["--restart"], ["--overwrite"], ["--workers", "0"]])
  func `an input in the place of the job's folder is refused`(_ words: [String]) throws {
    for (input, folder) in [
      ("base", "out.shardweld"), ("adapter", "out.shardweld"), ("base", "out.shardweld.removed"),
    ] {
      try FileManager.default.moveItem(atPath: scratch(input), toPath: scratch(folder))
      try bench.expectRefusal(
        base: input == "base" ? scratch(folder) : nil,
        adapters: input == "adapter" ? [scratch(folder)] : nil, words,
        naming: [scratch(folder), "its own work"])
      try FileManager.default.moveItem(atPath: scratch(folder), toPath: scratch(input))
    }
  }

  @Test(arguments: [[], ["--restart"], ["--workers", "0"]])
  func `a folder of someone else in the place of the job's folder is left alone`(
    _ words: [String]
  ) throws {
    try scratch.write("out.shardweld/thesis.tex", "mine")
    try bench.expectRefusal(words, naming: [scratch("out.shardweld"), "in the way"])
    #expect(try scratch.read("out.shardweld/thesis.tex") == Array("mine".utf8))
  }

  @Test func `a file in the place of the job's folder is refused`() throws {
    try scratch.write("out.shardweld", "a file")
    try bench.expectRefusal(naming: [scratch("out.shardweld"), "in the way"])
  }

  @Test func `a disk too small for the output is refused before anything is written`() throws {
    // A sparse shard: it says 8 TB and takes none.
    let rows = 4_000_000_000
    let header = Array(
      (#"{"model.embed_tokens.weight":{"dtype":"BF16","shape":[\#(rows),1000],"#
        + #""data_offsets":[0,\#(rows * 2000)]}}"#).utf8)
    try scratch.write("large/model.safetensors", SampleFile.raw(header))
    let path = scratch("large/model.safetensors")
    guard unsafe truncate(path, 8 + header.count + rows * 2000) == 0 else {
      return  // a file system that has no files of this size
    }
    try bench.writeAdapter(
      rank: 4, #", "trainable_token_indices": [7]"#,
      tensors: [
        GoldenModel.tensor(
          "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", .f32,
          [1, 1000], seed: 1)
      ])
    for words in [[], ["--workers", "0"]] {
      try bench.expectRefusal(
        base: scratch("large"), words, naming: [scratch.path, "free", "needs 8.00 TB"])
    }
  }
}
