import Checkpoints
import GGUF
import OrderedJSON
import Safetensors
import Storage
import TestSupport
import Testing

@testable import shardweld

struct InspectTests {
  let scratch = Scratch()

  private func inspect(_ path: String, tensors: Bool = false, json: Bool = false) throws -> String {
    var flags = InspectFlags()
    flags.path = path
    flags.tensors = tensors
    flags.json = json
    return try InspectCommand.text(flags)
  }

  /// Two layers in one file, with a config.
  private func writeModel() throws -> String {
    var tensors = [SampleTensor("model.embed_tokens.weight", .bf16, [6, 4])]
    for layer in 0..<2 {
      tensors.append(SampleTensor("model.layers.\(layer).mlp.up_proj.weight", .bf16, [8, 4]))
      tensors.append(SampleTensor("model.layers.\(layer).norm.weight", .f32, [4]))
    }
    try scratch.write("model/model.safetensors", tensors)
    try scratch.write(
      "model/config.json",
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "tie_word_embeddings": true}
      """)
    return scratch("model")
  }

  @Test func `a checkpoint is told layer by layer`() throws {
    let path = try writeModel()
    #expect(
      try inspect(path)
        == """
        checkpoint  \(path)
        shards      1 file, 664 B
        tensors     5 tensors, 96 elements
        type        BF16, 3 tensors, 176 B
                    F32, 2 tensors, 32 B
        model       llama (LlamaForCausalLM)
        embeddings  tied

        count  dtype  shape  bytes  tensors
            1  BF16   6 x 4   48 B  model.embed_tokens.weight
            2  BF16   8 x 4  128 B  model.layers.*.mlp.up_proj.weight
            2  F32    4       32 B  model.layers.*.norm.weight

        """.replacing("664 B", with: "\(try fileSize("model/model.safetensors")) B"))
  }

  @Test func `names that a terminal would obey are spelled out`() throws {
    try scratch.write(
      "bad.safetensors", [SampleTensor("a\u{1B}[2Jb\u{7}.weight", .f32, [2, 2])])
    for tensors in [false, true] {
      let text = try inspect(scratch("bad.safetensors"), tensors: tensors)
      #expect(text.contains("a\\u{1b}[2Jb\\u{7}.weight"))
      #expect(!text.unicodeScalars.contains("\u{1B}") && !text.unicodeScalars.contains("\u{7}"))
    }
  }

  private func fileSize(_ name: String) throws -> Int { try scratch.read(name).count }

  @Test func `every tensor is listed where that is asked for`() throws {
    let path = try writeModel()
    let text = try inspect(path, tensors: true)
    let header = try ShardHeader.read(path + "/model.safetensors").headerByteCount
    #expect(
      text.contains(
        "BF16   6 x 4   48 B  model.safetensors     \(header)  model.embed_tokens.weight\n"))
    #expect(text.contains("  model.layers.1.norm.weight\n"))
  }

  @Test func `a program gets the same as JSON`() throws {
    let path = try writeModel()
    let json = try JSON(parsing: Array(try inspect(path, tensors: true, json: true).utf8))
    #expect(json["kind"]?.text == "checkpoint")
    #expect(json["tensorCount"]?.int == 5)
    #expect(json["elementCount"]?.int == 96)
    #expect(json["modelType"]?.text == "llama")
    #expect(json["tiedEmbeddings"]?.bool == true)
    #expect(json["quantization"] == .null && json["merge"] == .null)
    #expect(json["groups"]?.elements?.count == 3)
    #expect(json["groups"]?.elements?[1]["count"]?.int == 2)
    #expect(json["groups"]?.elements?[1]["pattern"]?.text == "model.layers.*.mlp.up_proj.weight")
    #expect(json["tensors"]?.elements?.count == 5)
  }

  @Test func `a merged checkpoint says what it was merged from`() throws {
    let path = try writeModel()
    try scratch.write(
      "model/shardweld.json",
      """
      {"manifest": 1, "tool": "shardweld 0.1.0", "contract": "f32-once", "output": "xxh3:00",
       "adapters": [{"name": "style", "kind": "LORA", "strength": 0.7}],
       "earlierAdapters": [{"name": "facts", "kind": "LOHA", "strength": 1.0}], "shards": []}
      """)
    let text = try inspect(path)
    #expect(text.contains("\nmerged by   shardweld 0.1.0\n"))
    #expect(text.contains("\ncontract    f32-once\n"))
    #expect(text.contains("\nadapter     style, LORA, strength 0.7\n"))
    #expect(text.contains("\nearlier     facts, LOHA, strength 1\n"))
    #expect(text.contains("\noutput      xxh3:00\n"))
    let json = try JSON(parsing: Array(try inspect(path, json: true).utf8))
    #expect(json["merge"]?["contract"]?.text == "f32-once")
    #expect(json["merge"]?["shards"] == nil)
  }

  @Test func `a quantised checkpoint names its method`() throws {
    try scratch.write(
      "q/model.safetensors", [SampleTensor("w.weight", .u8, [4], bytes: [1, 2, 3, 4])])
    try scratch.write("q/config.json", #"{"quantization_config": {"quant_method": "gptq"}}"#)
    #expect(try inspect(scratch("q")).contains("\nquantised   gptq\n"))
  }

  @Test func `an adapter is told module by module`() throws {
    var tensors: [SampleTensor] = []
    for layer in 0..<2 {
      let module = "base_model.model.model.layers.\(layer).self_attn.q_proj"
      tensors.append(SampleTensor(module + ".lora_A.weight", .f32, [2, 4]))
      tensors.append(SampleTensor(module + ".lora_B.weight", .f32, [4, 2]))
    }
    tensors.append(SampleTensor("base_model.model.score.weight", .f32, [3, 4]))
    try scratch.write("adapter/adapter_model.safetensors", tensors)
    try scratch.write(
      "adapter/adapter_config.json",
      """
      {"peft_type": "LORA", "base_model_name_or_path": "org/base", "r": 2, "lora_alpha": 16,
       "use_rslora": true, "use_dora": false, "bias": "none", "lora_dropout": 0.1,
       "target_modules": ["q_proj", "v_proj"], "alpha_pattern": {"q_proj": 32}}
      """)
    let path = scratch("adapter")
    #expect(
      try inspect(path) == """
        adapter         \(path)
        kind            LORA
        trained on      org/base
        r               2
        lora_alpha      16
        use_rslora      true
        target_modules  q_proj, v_proj
        alpha_pattern   {"q_proj":32}
        weights         adapter_model.safetensors
        tensors         5 tensors, 176 B

        modules  bytes  module                           parts
              2  128 B  model.layers.*.self_attn.q_proj  lora_A 2 x 4 F32, lora_B 4 x 2 F32
              1   48 B  score                            weight 3 x 4 F32

        """)
    let json = try JSON(parsing: Array(try inspect(path, tensors: true, json: true).utf8))
    #expect(json["kind"]?.text == "adapter")
    #expect(json["config"]?["lora_alpha"]?.int == 16)
    #expect(json["modules"]?.elements?.count == 2)
    #expect(json["tensors"]?.elements?.count == 5)
    #expect(try inspect(path, tensors: true).contains("base_model.model.score.weight\n"))
  }

  @Test func `an adapter of mlx-lm is told without the arguments of its training`() throws {
    try scratch.write(
      "adapter/adapters.safetensors",
      [
        SampleTensor("model.layers.0.self_attn.q_proj.lora_a", .f32, [4, 2]),
        SampleTensor("model.layers.0.self_attn.q_proj.lora_b", .f32, [2, 6]),
      ])
    try scratch.write(
      "adapter/adapter_config.json",
      """
      {"fine_tune_type": "lora", "num_layers": 16, "model": "org/base", "batch_size": 4,
       "lora_parameters": {"rank": 2, "scale": 20.0}}
      """)
    let path = scratch("adapter")
    #expect(
      try inspect(path) == """
        adapter          \(path)
        kind             MLX
        trained on       org/base
        fine_tune_type   lora
        num_layers       16
        lora_parameters  {"rank":2,"scale":20.0}
        weights          adapters.safetensors
        tensors          2 tensors, 80 B

        modules  bytes  module                           parts
              1   80 B  model.layers.*.self_attn.q_proj  lora_a 4 x 2 F32, lora_b 2 x 6 F32

        """)
  }

  @Test func `an adapter without a config is known by its names`() throws {
    try scratch.write(
      "style.safetensors",
      [
        SampleTensor("lora_unet_to_q.lora_down.weight", .f32, [2, 4]),
        SampleTensor("lora_unet_to_q.lora_up.weight", .f32, [6, 2]),
        SampleTensor("lora_unet_to_q.alpha", .f32, [], [1]),
      ])
    let path = scratch("style.safetensors")
    #expect(
      try inspect(path) == """
        adapter  \(path)
        kind     KOHYA
        weights  style.safetensors
        tensors  3 tensors, 84 B

        modules  bytes  module          parts
              1   84 B  lora_unet_to_q  alpha scalar F32, lora_down 2 x 4 F32, lora_up 6 x 2 F32

        """)
  }

  @Test func `an adapter of diffusers' is known in its folder`() throws {
    try scratch.write(
      "style/pytorch_lora_weights.safetensors",
      [SampleTensor("unet.attn1.to_q.lora_A.weight", .f32, [2, 4])])
    let text = try inspect(scratch("style"))
    #expect(text.contains("\nkind     DIFFUSERS\nweights  pytorch_lora_weights.safetensors\n"))
    #expect(text.hasSuffix("unet.attn1.to_q  lora_A 2 x 4 F32\n"))
  }

  @Test func `an adapter that torch saved is shown like any other`() throws {
    let zip = SampleZip(
      pickle: SamplePickle.program(SamplePickle.dict([("score.weight", SamplePickle.tensor())])))
    try scratch.write("adapter/adapter_model.bin", zip.bytes)
    try scratch.write("adapter/adapter_config.json", #"{"peft_type": "LORA"}"#)
    let text = try inspect(scratch("adapter"))
    #expect(text.contains("weights  adapter_model.bin\ntensors  1 tensor, 24 B\n"))
    // Not read where safetensors are there too.
    try scratch.write("adapter/adapter_model.bin", "x")
    try scratch.write("adapter/adapter_model.safetensors", [SampleTensor("a", .f32, [1])])
    #expect(
      try inspect(scratch("adapter")).contains(
        "weights  adapter_model.safetensors\ntensors  1 tensor, 4 B\n"))
  }

  @Test func `an adapter that torch did not save is refused`() throws {
    let path = try scratch.write("adapter/adapter_model.bin", "x")
    try scratch.write("adapter/adapter_config.json", #"{"peft_type": "LORA"}"#)
    let error = #expect(throws: CommandError.self) { try inspect(scratch("adapter")) }
    #expect(error?.exitCode == .badInput)
    #expect(error?.sentence.hasPrefix("\(path) cannot be read as weights saved by torch: ") == true)
  }

  @Test func `of a tensor whose elements lie apart the first one's place is shown`() throws {
    let turned = SamplePickle.tensor(offset: 1, shape: [3, 2], strides: [1, 3])
    let zip = SampleZip(pickle: SamplePickle.program(SamplePickle.dict([("w", turned)])))
    let path = try scratch.write("weights.pth", zip.bytes)
    let place = try #require(zip.bytes.firstRange(of: [UInt8](0..<64))).lowerBound + 4
    #expect(try inspect(path, tensors: true).contains(" \(place)  w\n"))
    let json = try JSON(parsing: Array(try inspect(path, tensors: true, json: true).utf8))
    #expect(json["tensors"]?.elements?.first?["offset"]?.int == place)
  }

  @Test func `a config that is no JSON is bad input`() throws {
    try scratch.write("adapter/adapter_model.safetensors", [SampleTensor("a", .f32, [1])])
    try scratch.write("adapter/adapter_config.json", "{")
    let error = #expect(throws: CommandError.self) { try inspect(scratch("adapter")) }
    #expect(error?.exitCode == .badInput)
    #expect(
      error?.sentence.hasPrefix(
        "\(scratch("adapter"))/adapter_config.json is not the JSON expected")
        == true)
  }

  @Test func `a path that leads nowhere is bad input`() {
    let path = scratch("nothing here")
    let error = #expect(throws: CommandError.self) { try inspect(path) }
    #expect(error == .checkpoint(.notFound(path: path)))
    #expect(error?.exitCode == .badInput)
  }

  @Test(
    arguments: [
      ("base_model.model.a.0.q.lora_A.weight", "a.0.q", "lora_A"),
      ("base_model.model.a.q.lora_embedding_B", "a.q", "lora_embedding_B"),
      (
        "base_model.model.a.q.lora_magnitude_vector.default.weight", "a.q",
        "lora_magnitude_vector.default"
      ),
      ("base_model.model.score.bias", "score", "bias"),
      ("a.hada_w1_a", "a", "hada_w1_a"),
      ("lora_unet_down.lora_up.weight", "lora_unet_down", "lora_up"),
      ("lone", "lone", ""),
    ])
  func `names part into module and part`(name: String, module: String, part: String) {
    let found = ModuleGroup.split(name)
    #expect(found.module == module)
    #expect(found.part == part)
  }

  @Test func `only whole numbers become stars`() {
    #expect(TensorGroup.pattern("model.layers.12.w1.3b.weight") == "model.layers.*.w1.3b.weight")
    #expect(TensorGroup.pattern("a..b") == "a..b")
  }

  @Test func `a file of llama.cpp is told from its header`() throws {
    var sample = SampleGGUF.sample
    sample.fields.append(SampleGGUF.field("a.small", 6, SampleGGUF.number(0x3727_C5AC, 4)))
    sample.fields.append(SampleGGUF.field("a\u{1B}[2J", 7, [1]))
    let path = try scratch.write("m.gguf", sample.bytes)
    #expect(
      try inspect(path)
        == """
        gguf      \(path)
        files     1 file, \(sample.bytes.count) B
        version   3
        tensors   2 tensors, 134 elements
        type      Q4_0, 1 tensor, 72 B
                  F32, 1 tensor, 24 B
        metadata  general.architecture: "llama"
                  a.list: 2 string ["x", ""]
                  a.numbers: 3 int32 [50462976, 117835012, 185207048]
                  a.wide: 1.0
                  split.no: 0
                  a.small: 1e-05
                  a\\u{1b}[2J: true

        count  dtype  shape   bytes  tensors
            1  F32    2 x 3    24 B  a
            1  Q4_0   2 x 64   72 B  blk.*.b.weight

        """)
    let listed = try inspect(path, tensors: true)
    let offset = sample.bytes.count - 72
    #expect(listed.contains("Q4_0   2 x 64   72 B  m.gguf     \(offset)  blk.0.b.weight\n"))
    let json = try JSON(parsing: Array(try inspect(path, tensors: true, json: true).utf8))
    #expect(json["kind"]?.text == "gguf" && json["architecture"]?.text == "llama")
    #expect(json["metadata"]?["a.list"]?.text == "2 string")
    #expect(json["tensors"]?.elements?[1]["offset"]?.int == offset)
    #expect(json["dtypes"]?.elements?[0]["dtype"]?.text == "Q4_0")
  }

  @Test func `a LoRA of llama_cpp's is told from its header`() throws {
    let path =
      #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
      .joined(separator: "/") + "/Fixtures/gguf/lora.gguf"
    let text = try inspect(path)
    #expect(text.contains("          general.type: \"adapter\"\n"))
    #expect(text.contains("          adapter.lora.alpha: 12.0\n"))
    #expect(text.contains("    1  BF16   6 x 2       24 B  blk.*.attn_q.weight.lora_b\n"))
    let own = try scratch.write("lora/adapter.gguf", try WholeFile.read(path))
    #expect(try inspect(scratch("lora")) == text.replacing(path, with: own))
  }

  @Test func `a file that only has llama_cpp's ending is refused`() throws {
    let path = try scratch.write("m.gguf", "no model")
    #expect(
      throws: CommandError.gguf(.malformed(path: path, .foreign))
    ) { try inspect(path) }
  }
}
