// The shape of a mixture of experts, one small matrix per expert and projection, and of an adapter
// for it. At a trillion parameters its headers alone are work: 208 174 tensors in 200 files.
import OrderedJSON
import Safetensors

struct MixtureShape {
  var hidden: Int
  var layers: Int
  var experts: Int
  var intermediate: Int
  var heads: Int
  var keyValueHeads: Int
  var headWidth: Int
  var vocabulary: Int
  /// Width of the table that gives every layer an embedding of its own, as Gemma 3n has it: the
  /// largest tensor by far.
  var layerEmbeddings: Int
  /// Largest shard of the checkpoint, where one tensor is not larger.
  var shardByteCount: Int

  /// 997 billion parameters. The table of embeddings is 262 144 × 40 960: 21.5 GB in bf16, more
  /// than 2³³ elements.
  static let trillion = MixtureShape(
    hidden: 4096, layers: 90, experts: 768, intermediate: 1152, heads: 64, keyValueHeads: 8,
    headWidth: 128, vocabulary: 262_144, layerEmbeddings: 40_960, shardByteCount: 10_000_000_000)

  /// Which projections an adapter changes.
  enum Targets: String {
    /// Attention, the table, and of each expert the way down: pairs for a third of the base.
    case some
    /// Every projection of every expert, too.
    case all
  }

  static let table = "model.embed_tokens_per_layer"

  /// Modules of a layer's attention: name, rows, columns.
  private var attention: [(String, Int, Int)] {
    let (queries, keys) = (heads * headWidth, keyValueHeads * headWidth)
    return [
      ("q_proj", queries, hidden), ("k_proj", keys, hidden), ("v_proj", keys, hidden),
      ("o_proj", hidden, queries),
    ]
  }

  /// Modules of an expert.
  private var expert: [(String, Int, Int)] {
    [
      ("gate_proj", intermediate, hidden), ("up_proj", intermediate, hidden),
      ("down_proj", hidden, intermediate),
    ]
  }

  /// All tensors, layer by layer, bf16.
  var base: [ModelShape.Tensor] {
    var tensors: [ModelShape.Tensor] = [
      ("model.embed_tokens.weight", .bf16, [vocabulary, hidden]),
      (Self.table + ".weight", .bf16, [vocabulary, layerEmbeddings]),
    ]
    for layer in 0..<layers {
      let path = "model.layers.\(layer)."
      tensors.append((path + "input_layernorm.weight", .bf16, [hidden]))
      for (name, rows, columns) in attention {
        tensors.append((path + "self_attn.\(name).weight", .bf16, [rows, columns]))
      }
      for name in ["q_norm", "k_norm"] {
        tensors.append((path + "self_attn.\(name).weight", .bf16, [headWidth]))
      }
      tensors.append((path + "post_attention_layernorm.weight", .bf16, [hidden]))
      tensors.append((path + "mlp.gate.weight", .bf16, [experts, hidden]))
      for number in 0..<experts {
        for (name, rows, columns) in expert {
          tensors.append((path + "mlp.experts.\(number).\(name).weight", .bf16, [rows, columns]))
        }
      }
    }
    tensors.append(("model.norm.weight", .bf16, [hidden]))
    tensors.append(("lm_head.weight", .bf16, [vocabulary, hidden]))
    return tensors
  }

  /// An adapter's tensors, bf16, sorted by name as safetensors' own writer does.
  func adapter(rank: Int, _ targets: Targets) -> [ModelShape.Tensor] {
    func pair(_ path: String, _ rows: Int, _ columns: Int) -> [ModelShape.Tensor] {
      let module = "base_model.model." + path
      return [
        (module + ".lora_A.weight", .bf16, [rank, columns]),
        (module + ".lora_B.weight", .bf16, [rows, rank]),
      ]
    }
    var tensors = tableAdapter(rank: rank)
    for layer in 0..<layers {
      let path = "model.layers.\(layer)."
      for (name, rows, columns) in attention {
        tensors += pair(path + "self_attn." + name, rows, columns)
      }
      for number in 0..<experts {
        for (name, rows, columns) in expert where targets == .all || name == "down_proj" {
          tensors += pair(path + "mlp.experts.\(number).\(name)", rows, columns)
        }
      }
    }
    return tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Of the table alone.
  func tableAdapter(rank: Int) -> [ModelShape.Tensor] {
    [
      ("base_model.model.\(Self.table).lora_embedding_A", .bf16, [rank, vocabulary]),
      ("base_model.model.\(Self.table).lora_embedding_B", .bf16, [layerEmbeddings, rank]),
    ]
  }

  var config: JSON {
    .object([
      JSON.Member(key: "architectures", value: .array([.string("Qwen3MoeForCausalLM")])),
      JSON.Member(key: "head_dim", value: .integer(headWidth)),
      JSON.Member(key: "hidden_size", value: .integer(hidden)),
      JSON.Member(key: "model_type", value: .string("qwen3_moe")),
      JSON.Member(key: "moe_intermediate_size", value: .integer(intermediate)),
      JSON.Member(key: "num_attention_heads", value: .integer(heads)),
      JSON.Member(key: "num_experts", value: .integer(experts)),
      JSON.Member(key: "num_hidden_layers", value: .integer(layers)),
      JSON.Member(key: "num_key_value_heads", value: .integer(keyValueHeads)),
      JSON.Member(key: "tie_word_embeddings", value: .bool(false)),
      JSON.Member(key: "torch_dtype", value: .string("bfloat16")),
      JSON.Member(key: "vocab_size", value: .integer(vocabulary)),
    ])
  }

  func adapterConfig(rank: Int) -> JSON {
    ModelFolder.adapterConfig(
      rank: rank, alpha: 2 * rank,
      targets: (attention + expert).map(\.0) + ["embed_tokens_per_layer"])
  }
}
