// Shapes of Llama-like models, and the tensors of one with an adapter on all its projections.
import OrderedJSON
import Safetensors

/// What makes a Llama.
struct ModelShape {
  var hidden: Int
  var layers: Int
  var intermediate: Int
  var heads: Int
  var keyValueHeads: Int
  var vocabulary: Int
  var isTied = false
  /// Largest shard of the checkpoint.
  var shardByteCount: Int
  /// Of the adapters, one each.
  var ranks = [16, 64, 256]

  typealias Tensor = (name: String, dtype: DType, shape: [Int])

  /// `start` (350 kB) has next to nothing to merge, `tiny` (25 MB) and `soak` (290 MB) are for
  /// torments. For races: S (0.5 GB), M with TinyLlama's shape (2.2 GB), L with that of
  /// Llama-3.2-3B (6.4 GB).
  static let named: [String: ModelShape] = [
    "start": ModelShape(
      hidden: 64, layers: 4, intermediate: 176, heads: 4, keyValueHeads: 2, vocabulary: 256,
      shardByteCount: 100_000, ranks: [16]),
    "tiny": ModelShape(
      hidden: 256, layers: 12, intermediate: 704, heads: 8, keyValueHeads: 2, vocabulary: 4096,
      shardByteCount: 6_000_000, ranks: [16]),
    "soak": ModelShape(
      hidden: 1024, layers: 10, intermediate: 2816, heads: 16, keyValueHeads: 4,
      vocabulary: 16_000, shardByteCount: 80_000_000, ranks: [16]),
    "S": ModelShape(
      hidden: 1024, layers: 16, intermediate: 2816, heads: 16, keyValueHeads: 4,
      vocabulary: 32_000, shardByteCount: 150_000_000),
    "M": ModelShape(
      hidden: 2048, layers: 22, intermediate: 5632, heads: 32, keyValueHeads: 4, vocabulary: 32_000,
      shardByteCount: 500_000_000),
    "L": ModelShape(
      hidden: 3072, layers: 28, intermediate: 8192, heads: 24, keyValueHeads: 8,
      vocabulary: 128_256, isTied: true, shardByteCount: 2_000_000_000),
  ]

  private var keyValues: Int { hidden / heads * keyValueHeads }

  /// Modules of a layer that adapters change: name, rows, columns.
  private var projections: [(String, Int, Int)] {
    [
      ("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", keyValues, hidden),
      ("self_attn.v_proj", keyValues, hidden), ("self_attn.o_proj", hidden, hidden),
      ("mlp.gate_proj", intermediate, hidden), ("mlp.up_proj", intermediate, hidden),
      ("mlp.down_proj", hidden, intermediate),
    ]
  }

  /// All tensors, layer by layer, bf16.
  var base: [Tensor] {
    var tensors: [Tensor] = [("model.embed_tokens.weight", .bf16, [vocabulary, hidden])]
    for layer in 0..<layers {
      let path = "model.layers.\(layer)."
      tensors.append((path + "input_layernorm.weight", .bf16, [hidden]))
      for (name, rows, columns) in projections {
        tensors.append((path + name + ".weight", .bf16, [rows, columns]))
      }
      tensors.append((path + "post_attention_layernorm.weight", .bf16, [hidden]))
    }
    tensors.append(("model.norm.weight", .bf16, [hidden]))
    if !isTied { tensors.append(("lm_head.weight", .bf16, [vocabulary, hidden])) }
    return tensors
  }

  /// The base's tensors cut into shards of at most `shardByteCount`, where one tensor is not
  /// larger.
  var shards: [[Tensor]] { Self.cut(base, shardByteCount: shardByteCount) }

  /// Tensors in order, cut where a shard would grow beyond its limit.
  static func cut(_ tensors: [Tensor], shardByteCount: Int) -> [[Tensor]] {
    var shards: [[Tensor]] = [[]]
    var filled = 0
    for tensor in tensors {
      let size = tensor.shape.reduce(tensor.dtype.byteCount, *)
      if filled > 0, filled + size > shardByteCount {
        shards.append([])
        filled = 0
      }
      shards[shards.count - 1].append(tensor)
      filled += size
    }
    return shards
  }

  /// The tensors of an adapter, f32.
  func adapter(rank: Int) -> [Tensor] {
    (0..<layers).flatMap { layer in
      projections.flatMap { name, rows, columns -> [Tensor] in
        let path = "base_model.model.model.layers.\(layer).\(name)"
        return [
          (path + ".lora_A.weight", .f32, [rank, columns]),
          (path + ".lora_B.weight", .f32, [rows, rank]),
        ]
      }
    }
  }

  var config: JSON {
    func member(_ key: String, _ value: JSON) -> JSON.Member { JSON.Member(key: key, value: value) }
    return .object([
      member("architectures", .array([.string("LlamaForCausalLM")])),
      member("hidden_act", .string("silu")),
      member("hidden_size", .integer(hidden)),
      member("intermediate_size", .integer(intermediate)),
      member("max_position_embeddings", .integer(2048)),
      member("model_type", .string("llama")),
      member("num_attention_heads", .integer(heads)),
      member("num_hidden_layers", .integer(layers)),
      member("num_key_value_heads", .integer(keyValueHeads)),
      member("rms_norm_eps", .number("1e-05")),
      member("tie_word_embeddings", .bool(isTied)),
      member("torch_dtype", .string("bfloat16")),
      member("vocab_size", .integer(vocabulary)),
    ])
  }

  func adapterConfig(rank: Int) -> JSON {
    ModelFolder.adapterConfig(
      rank: rank, alpha: 32,
      targets: projections.map { String($0.0.split(separator: ".").last ?? "") })
  }
}
