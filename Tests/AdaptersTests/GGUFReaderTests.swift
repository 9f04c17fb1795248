// What llama.cpp's LoRA files are read as, and what of them is refused.
import Adapters
import GGUF
import Safetensors
import TestSupport
import Testing

struct GGUFReaderTests {
  private let scratch = Scratch()
  private static let folder =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/gguf"

  /// A LoRA of one pair, with other tensors or keys in their place.
  private struct Sample {
    var fields = [
      SampleGGUF.field("general.type", 8, SampleGGUF.text("adapter")),
      SampleGGUF.field("general.architecture", 8, SampleGGUF.text("llama")),
      SampleGGUF.field("adapter.type", 8, SampleGGUF.text("lora")),
    ]
    /// Dimensions as the file has them, columns first, and ggml's number of the type.
    var tensors: [(name: String, dimensions: [UInt64], type: UInt64)] = [
      ("blk.0.attn_q.weight.lora_a", [4, 2], 0), ("blk.0.attn_q.weight.lora_b", [2, 6], 0),
    ]

    var bytes: [UInt8] {
      var sample = SampleGGUF()
      sample.fields = fields
      var offset: UInt64 = 0
      for (name, dimensions, type) in tensors {
        sample.tensors.append(SampleGGUF.tensor(name, dimensions, type: type, offset: offset))
        let size = type == 8 ? dimensions.reduce(1, *) / 32 * 34 : dimensions.reduce(4, *)
        offset += (size + 31) / 32 * 32
      }
      sample.data = [UInt8](repeating: 0, count: Int(offset))
      return sample.bytes
    }
  }

  private func refusal(_ change: (inout Sample) -> Void) throws -> String? {
    var sample = Sample()
    change(&sample)
    try scratch.write("a.gguf", sample.bytes)
    return refusal("a.gguf")
  }

  private func refusal(_ path: String) -> String? {
    do throws(AdapterError) {
      _ = try Adapter.open(scratch(path))
      return nil
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  @Test func `a file of gguf-py's is read`() throws {
    let adapter = try Adapter.open(Self.folder + "/lora.gguf")
    #expect(adapter.config.format == .gguf && adapter.config.kind == "GGUF")
    #expect(adapter.config.architecture == "llama")
    #expect(adapter.folder.fileNames == ["lora.gguf"])
    let modules = adapter.modules
    #expect(
      modules.map(\.path) == [
        "blk.0.attn_q", "blk.0.ffn_up_exps", "blk.0.ffn_up_exps", "token_embd",
      ])
    #expect(modules.allSatisfy { $0.scale?.value == 6 && $0.ranks.a == 2 && $0.ranks.b == 2 })
    #expect(modules[0].scale?.origin == "alpha 12.0 / rank 2")
    #expect(modules[0].a.dtype == .f16 && modules[0].b.dtype == .bf16)
    #expect(modules[0].a.shape == [2, 4] && modules[0].b.shape == [6, 2])
    #expect(modules[2].rows == 5..<10 && modules[2].rowCount == 10)
    #expect(modules[2].a.offset == modules[1].a.offset + 2 * 4 * 4)
    #expect(modules[2].b.offset == modules[1].b.offset + 5 * 2 * 4)
    #expect(modules[3].isEmbedding && modules[3].hasTransposedA)
    #expect(modules[3].a.shape == [8, 2] && modules[3].b.shape == [4, 2])
    #expect(adapter.wholeTensors.map(\.module) == ["blk.0.attn_norm"])
    #expect(adapter.wholeTensors[0].tensor.shape == [4])
  }

  @Test func `without an alpha the scale is 1`() throws {
    for alpha in [[], [SampleGGUF.field("adapter.lora.alpha", 6, [0, 0, 0, 0])]] {
      #expect(try refusal { $0.fields += alpha } == nil)
      let scale = try #require(try Adapter.open(scratch("a.gguf")).modules[0].scale)
      #expect(scale.value == 1 && scale.origin == "no alpha, scale 1")
    }
  }

  @Test func `the only file of a folder is found, unless PEFT's adapter is there too`() throws {
    try scratch.write("a/adapter_model.gguf", Sample().bytes)
    #expect(try Adapter.open(scratch("a")).path == scratch("a/adapter_model.gguf"))
    try scratch.write("a/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
    #expect(try Adapter.open(scratch("a")).config.format == .gguf)
    #expect(try Adapter.open(scratch("a")).path == scratch("a"))
    let q = "base_model.model.q.lora_"
    try scratch.write(
      "a/adapter_model.safetensors",
      [SampleTensor(q + "A.weight", .f32, [2, 4]), SampleTensor(q + "B.weight", .f32, [6, 2])])
    #expect(try Adapter.open(scratch("a")).config.format == .peft)
    try scratch.write("b/one.gguf", Sample().bytes)
    try scratch.write("b/two.gguf", Sample().bytes)
    #expect(
      refusal("b") == "b holds several adapters (one.gguf, two.gguf); name one of them")
  }

  @Test func `what is no LoRA is refused`() throws {
    let give = "; give a LoRA that llama.cpp's convert_lora_to_gguf.py wrote"
    #expect(
      try refusal { $0.fields.removeFirst() }
        == "a.gguf: general.type must be \"adapter\", nothing found" + give)
    #expect(
      try refusal { $0.fields[2] = SampleGGUF.field("adapter.type", 8, SampleGGUF.text("ia3")) }
        == "a.gguf: adapter.type must be \"lora\", \"ia3\" found" + give)
    #expect(
      try refusal { $0.fields.append(SampleGGUF.field("adapter.lora.alpha", 4, [8, 0, 0, 0])) }
        == "a.gguf: adapter.lora.alpha must be a finite float32, 8 found" + give)
    #expect(
      try refusal {
        $0.fields.append(
          SampleGGUF.field(
            "adapter.alora.invocation_tokens", 9, SampleGGUF.list(4, count: 1, [7, 0, 0, 0])))
      }
        == "a.gguf: \"adapter.alora.invocation_tokens\" is a list of 1 uint32: an activated LoRA acts only after its invocation; it has no merge"
    )
    try scratch.write("b.gguf", "no model at all")
    #expect(
      refusal("b.gguf")
        == "b.gguf cannot be read as GGUF: it does not begin with GGUF; give a .gguf file")
  }

  @Test func `what is not whole, or of another form, is refused`() throws {
    let q = "blk.0.attn_q.weight.lora_"
    #expect(
      try refusal { $0.tensors.removeFirst() }
        == "a.gguf: module \"blk.0.attn_q\" has lora_b but no lora_a; the file is incomplete")
    #expect(
      try refusal { $0.tensors.removeLast() }
        == "a.gguf: module \"blk.0.attn_q\" has lora_a but no lora_b; the file is incomplete")
    #expect(
      try refusal { $0.tensors[0] = (q + "a", [32, 2], 8) }
        == "a.gguf: tensor \"\(q)a\" is Q8_0, F32, F16 or BF16 expected; convert the adapter anew with convert_lora_to_gguf.py --outtype f32"
    )
    #expect(
      try refusal { $0.tensors[1] = (q + "b", [2], 0) }
        == "a.gguf: tensor \"\(q)b\" has shape [2], expected [out, r] or [experts, out, r]")
    #expect(
      try refusal { $0.tensors[0] = (q + "a", [2, 4], 0) }
        == "a.gguf: tensor \"\(q)a\" has shape [4, 2], expected [2] and the weight's columns")
    for (name, dimensions) in [("output.bias", [4]), ("blk.0.attn_norm.weight", [4, 4])] {
      #expect(
        try refusal { $0.tensors.append((name, dimensions.map { UInt64($0) }, 0)) }
          == "a.gguf: tensor \"\(name)\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
      )
    }
  }

  @Test func `a table over the tokens has its lora_a the other way round`() throws {
    let name = "token_embd.weight.lora_"
    #expect(
      try refusal { $0.tensors = [(name + "a", [8, 2], 0), (name + "b", [2, 4], 0)] }
        == "a.gguf: tensor \"\(name)a\" has shape [2, 8], expected [tokens, 2]")
    #expect(
      try refusal { $0.tensors = [(name + "a", [4, 2, 2], 0), (name + "b", [2, 4, 2], 0)] }
        == "a.gguf: tensor \"\(name)a\" has shape [2, 2, 4], expected [tokens, 2]")
  }
}
