import GGUF
import Safetensors
// Models in llama.cpp's container, opened as bases.
import Storage
import TestSupport
import Testing

@testable import Checkpoints

@Suite struct GGUFCheckpointTests {
  private let scratch = Scratch()

  private func open(_ name: String) throws -> Checkpoint {
    try Checkpoint.open(scratch(name), cache: scratch("cache"))
  }

  private func refusal(_ name: String) throws -> String {
    let error = try #require(throws: CheckpointError.self) { try open(name) }
    return error.sentence.replacing(scratch.path, with: "BASE")
  }

  @Test func `plain tensors are themselves, blocks are rows of bytes with values`() throws {
    try scratch.write("m.gguf", SampleGGUF.sample.bytes)
    try scratch.write("config.json", #"{"quantization_config": {"quant_method": "awq"}}"#)
    try scratch.write("notes.md", "x")
    let base = try open("m.gguf")
    #expect(base.tensors.map(\.name) == ["a", "blk.0.b.weight"])
    let (plain, blocks) = (base.tensors[0], base.tensors[1])
    #expect(plain.dtype == .f32 && plain.shape == [2, 3] && plain.byteCount == 24)
    #expect(blocks.dtype == .u8 && blocks.shape == [2, 36] && blocks.byteCount == 72)
    #expect(blocks.fileOffset == plain.fileOffset + 32)
    let weight = try #require(base.quantized["blk.0.b.weight"])
    #expect(weight.shape == [2, 64] && weight.dtype == .f32 && weight.title == "GGUF Q4_0")
    #expect(weight.isRead && base.quantized["a"] == nil)
    #expect(base.config == nil && base.sideFiles.isEmpty)
    #expect(base.gguf?["general.architecture"]?.text == "llama")
  }

  @Test func `a folder gives its only model, and what lies beside it`() throws {
    try scratch.write("m.gguf", SampleGGUF.sample.bytes)
    try scratch.write("mmproj-m.gguf", "another model")
    try scratch.write("README.md", "x")
    try scratch.write("config.json", "{}")
    let base = try open("")
    #expect(base.shardNames == ["m.gguf"] && base.sideFiles == ["README.md", "config.json"])
    #expect(base.config == nil)
  }

  @Test func `several quantisations in a folder leave the choice to the user`() throws {
    try scratch.write("m.Q4_0.gguf", SampleGGUF.sample.bytes)
    try scratch.write("m.Q8_0.gguf", SampleGGUF.sample.bytes)
    #expect(try refusal("").hasPrefix("BASE holds several sets of weights"))
  }

  @Test func `any file of a set opens all of it`() throws {
    for number in 1...3 {
      let name = "split-0000\(number)-of-00003.gguf"
      try scratch.write(name, try WholeFile.read(Path.join(GGUFFixture.folder, name)))
    }
    for name in ["split-00002-of-00003.gguf", ""] {
      let base = try open(name)
      #expect(base.shardNames.count == 3 && base.gguf?.files.count == 3)
    }
  }

  @Test func `names that count themselves in another way make no set`() throws {
    for name in ["a/n-1-of-2.gguf", "a/n-2-of-2.gguf", "b/n-00000-of-00001.gguf"] {
      try scratch.write(name, SampleGGUF.sample.bytes)
    }
    try scratch.write("b/n-00001-of-00001.gguf", SampleGGUF.sample.bytes)
    for (folder, name) in [("a", "n-1-of-2.gguf"), ("b", "n-00000-of-00001.gguf")] {
      #expect(
        try refusal(folder)
          == "BASE/\(folder)/\(name) is one of 2 files, and its name does not count them as "
          + "llama.cpp does; give the files the names that llama-gguf-split gave them")
      // By itself it is whole.
      #expect(try open(folder + "/" + name).shardNames == [name])
    }
    let endless = "n-1-of-99999999999999.gguf"
    try scratch.write(endless, SampleGGUF.sample.bytes)
    #expect(try open(endless).shardNames == [endless])
  }

  @Test func `a vector of blocks, which llama_cpp never makes, is known and not read`() throws {
    var sample = SampleGGUF()
    sample.tensors = [SampleGGUF.tensor("a", [64], type: 2)]
    sample.data = [UInt8](repeating: 0, count: 36)
    try scratch.write("m.gguf", sample.bytes)
    let weight = try #require(try open("m.gguf").quantized["a"])
    #expect(!weight.isRead && weight.title == "a vector of GGUF Q4_0")
  }

  @Test func `a type without a decoder is known and not read`() throws {
    var sample = SampleGGUF()
    sample.tensors = [SampleGGUF.tensor("a", [256, 1], type: 16)]
    sample.data = [UInt8](repeating: 0, count: 66)
    try scratch.write("m.gguf", sample.bytes)
    let weight = try #require(try open("m.gguf").quantized["a"])
    #expect(!weight.isRead && weight.title == "GGUF IQ2_XXS")
  }

  @Test func `what is no model, and what is no GGUF, is refused`() throws {
    var sample = SampleGGUF.sample
    sample.fields.append(SampleGGUF.field("general.type", 8, SampleGGUF.text("adapter")))
    try scratch.write("m.gguf", sample.bytes)
    #expect(
      try refusal("m.gguf")
        == #"BASE/m.gguf says that it is "adapter", not a model; give it as --adapter and the "#
        + "model's file as --base")
    try scratch.write("n.gguf", "no model")
    #expect(
      try refusal("n.gguf")
        == "BASE/n.gguf cannot be read as GGUF: it does not begin with GGUF; give a .gguf file")
  }
}
