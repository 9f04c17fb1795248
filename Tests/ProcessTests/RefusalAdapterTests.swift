// Adapters that are broken, incomplete, or made for another base.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalAdapterTests {
  let bench: RefusalBench
  private var scratch: Scratch { bench.scratch }
  private var adapter: String { scratch("adapter") }
  private var config: String { scratch("adapter/adapter_config.json") }

  init() throws { bench = try RefusalBench() }

  private static func name(_ rest: String) -> String { "base_model.model." + rest }

  // MARK: Files

  @Test func `an adapter that does not exist is refused`() throws {
    try bench.expectRefusal(adapters: [scratch("gone")], naming: [scratch("gone")])
  }

  @Test func `a folder without an adapter's config is refused`() throws {
    try bench.remove("adapter/adapter_config.json")
    try bench.expectRefusal(naming: [adapter, "no adapter_config.json"])
  }

  @Test func `the base given as the adapter is refused`() throws {
    try bench.expectRefusal(
      adapters: [scratch("base")], naming: [scratch("base"), "no adapter_config.json"])
  }

  @Test func `a folder of several adapters is refused`() throws {
    for name in ["one", "two"] { try bench.writeAdapter("several/" + name) }
    try bench.expectRefusal(
      adapters: [scratch("several")], naming: [scratch("several"), "one, two"])
  }

  @Test func `an adapter without weights is refused`() throws {
    try bench.remove("adapter/adapter_model.safetensors")
    try bench.expectRefusal(naming: [adapter, "no adapter_model.safetensors"])
  }

  @Test func `an adapter of pickled weights alone is refused`() throws {
    try bench.remove("adapter/adapter_model.safetensors")
    try scratch.write("adapter/adapter_model.bin", "PK")
    try bench.expectRefusal(naming: [adapter, "adapter_model.bin", "safetensors"])
  }

  @Test(arguments: [
    (#"{"weight_map": {"a": "gone.safetensors"}}"#, "gone.safetensors"),
    (#"{"weight_map": {"a": "../base/x.safetensors"}}"#, "names no file of this folder"),
    (#"{"weight_map": {}}"#, "weight_map"), ("{", "adapter_model.safetensors.index.json"),
  ])
  func `a wrong index of an adapter is refused`(_ text: String, _ words: String) throws {
    try bench.remove("adapter/adapter_model.safetensors")
    let path = try scratch.write("adapter/adapter_model.safetensors.index.json", text)
    try bench.expectRefusal(naming: [path, words])
  }

  // MARK: Tensors

  @Test func `an adapter without tensors is refused`() throws {
    try bench.writeAdapter(tensors: [])
    try bench.expectRefusal(naming: [adapter, "nothing to merge"])
  }

  @Test func `a factor without its other half is refused`() throws {
    try bench.writeAdapter(tensors: Array(RefusalBench.pairs.dropLast()))
    try bench.expectRefusal(
      naming: [adapter, "\"\(RefusalBench.modules[1])\"", "lora_A", "no lora_B"])
  }

  @Test(arguments: [
    "base_model.model.model.layers.0.mlp.vera_lambda_b.lora_diag", "model.layers.0.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_C.weight", "x",
    "lora_unet_down_blocks_0.lora_down.weight",
  ])
  func `a tensor of an unknown kind is refused`(_ name: String) throws {
    try bench.writeAdapter(
      tensors: RefusalBench.pairs + [GoldenModel.tensor(name, .f32, [4, 4], seed: 1)])
    try bench.expectRefusal(naming: [adapter, "\"\(name)\""])
  }

  @Test func `a tensor name that would act on a terminal is shown in one harmless line`() throws {
    let name = "base_model.model.\u{1B}[2J\nshardweld: merged.lora_X"
    try bench.writeAdapter(
      tensors: RefusalBench.pairs + [GoldenModel.tensor(name, .f32, [4, 4], seed: 1)])
    try bench.expectRefusal(naming: [adapter, #"\u{1b}[2J\u{a}shardweld: merged.lora_X"#])
  }

  @Test func `two tensors that mean the same are refused`() throws {
    let twin = Self.name(RefusalBench.modules[0] + ".lora_A.default.weight")
    try bench.writeAdapter(
      tensors: RefusalBench.pairs + [GoldenModel.tensor(twin, .f32, [4, 16], seed: 1)])
    try bench.expectRefusal(naming: [adapter, "\"\(twin)\"", "mean the same"])
  }

  @Test func `a rank that is not the config's is refused`() throws {
    try bench.writeAdapter(rank: 8)
    try bench.expectRefusal(naming: [adapter, "\"\(RefusalBench.modules[0])\"", "rank 4", "8"])
  }

  @Test func `factors whose ranks differ are refused`() throws {
    var tensors = RefusalBench.pairs
    tensors[1] = GoldenModel.tensor(tensors[1].name, .f32, [32, 5], seed: 1)
    try bench.writeAdapter(tensors: tensors)
    try bench.expectRefusal(naming: [adapter, "\"\(tensors[1].name)\"", "[32, 5]"])
  }

  @Test func `factors that do not fit the weight are refused`() throws {
    let pair = GoldenModel.pair(RefusalBench.modules[0], out: 32, in: 24, rank: 4, seed: 1)
    try bench.writeAdapter(tensors: pair)
    try bench.expectRefusal(
      naming: [adapter, "\"\(pair[0].name)\"", "\"\(RefusalBench.weights[0])\"", "[32, 16]"])
  }

  @Test func `an adapter of another model is refused`() throws {
    try bench.writeAdapter(
      tensors: GoldenModel.pair("transformer.h.0.attn.c_attn", out: 32, in: 16, rank: 4, seed: 1))
    try bench.expectRefusal(naming: [adapter, "\"transformer.h.0.attn.c_attn\"", "another model"])
  }

  @Test func `an adapter of a deeper model of the family is refused`() throws {
    let extra = GoldenModel.pair(
      "model.layers.7.self_attn.q_proj", out: 32, in: 16, rank: 4, seed: 1)
    try bench.writeAdapter(tensors: RefusalBench.pairs + extra)
    try bench.expectRefusal(naming: [adapter, "1 of 3", "\"model.layers.7.self_attn.q_proj\""])
  }

  @Test func `an empty tensor of sharded training is refused`() throws {
    var tensors = RefusalBench.pairs
    tensors[0] = SampleTensor(tensors[0].name, .f32, [0])
    try bench.writeAdapter(tensors: tensors)
    try bench.expectRefusal(naming: [adapter, "\"\(tensors[0].name)\"", "ZeRO-3"])
  }

  @Test(arguments: [DType.i8, .u8, .f8E4M3, .i64])
  func `factors in a type that is no plain float are refused`(_ dtype: DType) throws {
    var tensors = RefusalBench.pairs
    tensors[0] = SampleTensor(tensors[0].name, dtype, [4, 16])
    try bench.writeAdapter(tensors: tensors)
    try bench.expectRefusal(naming: [adapter, "\"\(tensors[0].name)\"", dtype.rawValue])
  }

  @Test func `a whole tensor that the base lacks and nothing announces is refused`() throws {
    let extra = GoldenModel.tensor(Self.name("score.weight"), .bf16, [2, 16], seed: 1)
    try bench.writeAdapter(tensors: RefusalBench.pairs + [extra])
    try bench.expectRefusal(naming: [adapter, "\"\(extra.name)\"", "modules_to_save"])
  }

  @Test func `a whole tensor of another shape is refused`() throws {
    let extra = GoldenModel.tensor(Self.name("model.norm.weight"), .bf16, [24], seed: 1)
    try bench.writeAdapter(tensors: RefusalBench.pairs + [extra])
    try bench.expectRefusal(naming: [adapter, "\"\(extra.name)\"", "[16]", "[24]"])
  }

  @Test func `a bias update without a bias in the base is refused`() throws {
    let bias = Self.name(RefusalBench.modules[0] + ".lora_B.bias")
    try bench.writeAdapter(
      rank: 4, #", "lora_bias": true"#,
      tensors: RefusalBench.pairs + [GoldenModel.tensor(bias, .f32, [32], seed: 1)])
    try bench.expectRefusal(
      naming: [adapter, "\"\(RefusalBench.modules[0])\"", "\"\(RefusalBench.modules[0]).bias\""])
  }

  @Test func `trained rows outside of the embedding are refused`() throws {
    let rows = Self.name("model.embed_tokens.token_adapter.trainable_tokens_delta")
    try bench.writeAdapter(
      rank: 4, #", "trainable_token_indices": [3, 24]"#,
      tensors: RefusalBench.pairs + [GoldenModel.tensor(rows, .f32, [2, 16], seed: 1)])
    try bench.expectRefusal(naming: [adapter, "\"\(rows)\"", "row 24", "24 rows"])
  }

  @Test func `trained rows that the config does not list are refused`() throws {
    let rows = Self.name("model.embed_tokens.token_adapter.trainable_tokens_delta")
    try bench.writeAdapter(
      tensors: RefusalBench.pairs + [GoldenModel.tensor(rows, .f32, [2, 16], seed: 1)])
    try bench.expectRefusal(naming: [config, "trainable_token_indices"])
  }

  @Test func `fewer trained rows than listed are refused`() throws {
    let rows = Self.name("model.embed_tokens.token_adapter.trainable_tokens_delta")
    try bench.writeAdapter(
      rank: 4, #", "trainable_token_indices": [3, 5, 7]"#,
      tensors: RefusalBench.pairs + [GoldenModel.tensor(rows, .f32, [2, 16], seed: 1)])
    try bench.expectRefusal(naming: [adapter, "\"\(rows)\"", "[2, 16]", "3"])
  }

  // MARK: Several adapters

  @Test func `two adapters that replace the same tensor are refused`() throws {
    let name = Self.name(RefusalBench.head)
    for folder in ["one", "two"] {
      let seed: UInt64 = folder == "one" ? 1 : 2
      try bench.writeAdapter(
        folder, rank: 4, #", "modules_to_save": ["lm_head"]"#,
        tensors: [GoldenModel.tensor(name, .bf16, [24, 16], seed: seed)])
    }
    try bench.expectRefusal(
      adapters: [scratch("one"), scratch("two")],
      naming: [scratch("one"), scratch("two"), "\"\(RefusalBench.head)\""])
  }

  @Test func `DoRA beside another adapter on the same weight is refused`() throws {
    let magnitudes = RefusalBench.modules.map {
      GoldenModel.tensor(Self.name($0 + ".lora_magnitude_vector"), .f32, [32], seed: 1)
    }
    try bench.writeAdapter(
      "dora", rank: 4, #", "use_dora": true"#, tensors: RefusalBench.pairs + magnitudes)
    for adapters in [["adapter", "dora"], ["dora", "adapter"]] {
      try bench.expectRefusal(
        adapters: adapters.map { scratch($0) },
        naming: [scratch("dora"), "\"\(RefusalBench.weights[0])\"", "DoRA"])
    }
  }

  @Test func `the same adapter twice in one merge is refused, and merged with again`() throws {
    try scratch.link("alias", to: adapter)
    for other in [adapter, scratch("alias"), adapter + "=0.5"] {
      try bench.expectRefusal(
        adapters: [adapter, other], naming: [scratch(""), "twice", "--again"])
    }
    let run = try Command.run(bench.words(adapters: [adapter, adapter], ["--again"]))
    #expect(run.exitCode == 0, "\(run)")
  }

  @Test func `a new tensor at a strength is refused`() throws {
    let head = Self.name("score.weight")
    try bench.writeAdapter(
      rank: 4, #", "modules_to_save": ["score"]"#,
      tensors: RefusalBench.pairs + [GoldenModel.tensor(head, .bf16, [2, 16], seed: 1)])
    try bench.expectRefusal(
      adapters: [adapter + "=0.5"], naming: [adapter, "\"\(head)\"", "strength"])
  }
}
