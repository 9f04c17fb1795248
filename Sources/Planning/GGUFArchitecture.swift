// What llama.cpp's convert_hf_to_gguf.py calls the modules of transformers' models in a .gguf file,
// and what it does to their rows, by the file's `general.architecture`:
//
//   model.layers.3.self_attn.q_proj           blk.3.attn_q
//   model.layers.3.mlp.experts.7.gate_proj    rows of blk.3.ffn_gate_exps, with all others' there
//   lm_head                                   output
//
// Names that are not here are refused. Source: gguf-py 0.19 `tensor_mapping.py`; llama.cpp
// `convert_hf_to_gguf.py` (`conversion/`), modify_tensors.

/// One architecture's names.
struct GGUFArchitecture {
  /// Modules inside of a layer.
  var layer: [String: String]
  /// Modules outside of all layers.
  var outer = outer
  /// Halves of the heads of q and k alternate, where transformers' follow each other: ggml turns
  /// neighbours of a pair. Source: LlamaModel.permute.
  var ordersHeads = false
  /// 1 is added to the weights of norms.
  var shiftsNorms = false
  /// Modules whose rows are sorted into all queries, all keys, all values.
  var sortsRows: Set<String> = []
  /// transformers stores the linear layers as (in, out), the file as (out, in).
  var transposes = false

  static let all: [String: GGUFArchitecture] = [
    "llama": .init(layer: llama + sparse + experts, ordersHeads: true),
    "mistral3": .init(layer: llama, ordersHeads: true),
    "granite": .init(layer: llama, ordersHeads: true),
    "smollm3": .init(layer: llama, ordersHeads: true),
    "arcee": .init(layer: llama, ordersHeads: true),
    "olmo": .init(layer: attention + gated, ordersHeads: true),
    "deepseek": .init(layer: llama + experts + sharedExperts, ordersHeads: true),
    "qwen2": .init(layer: llama),
    "qwen2vl": .init(layer: llama),
    "qwen2moe": .init(layer: attention + norms + experts + sharedExpert),
    "qwen3": .init(layer: llama + headNorms),
    "qwen3vl": .init(layer: llama + headNorms),
    "qwen3moe": .init(layer: attention + norms + headNorms + experts),
    "seed_oss": .init(layer: llama),
    "stablelm": .init(layer: llama),
    "nemotron": .init(layer: llama, shiftsNorms: true),
    "command-r": .init(layer: attention + gated + ["input_layernorm": "attn_norm"]),
    "cohere2": .init(layer: attention + gated + ["input_layernorm": "attn_norm"]),
    "gemma": .init(layer: llama, shiftsNorms: true),
    "gemma2": .init(layer: attention + gated + fourNorms, shiftsNorms: true),
    "gemma3": .init(layer: attention + gated + fourNorms + headNorms, shiftsNorms: true),
    "olmo2": .init(
      layer: attention + gated + headNorms + [
        "post_attention_layernorm": "post_attention_norm",
        "post_feedforward_layernorm": "post_ffw_norm",
      ]),
    "olmoe": .init(layer: attention + norms + headNorms + experts),
    "deepseek2": .init(layer: llama + latent + experts + sharedExperts),
    "glm4": .init(
      layer: attention + [
        "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
        "post_self_attn_layernorm": "post_attention_norm",
        "post_attention_layernorm": "ffn_norm", "post_mlp_layernorm": "post_ffw_norm",
      ]),
    "phi2": .init(
      layer: attention + [
        "self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
        "input_layernorm": "attn_norm",
      ], outer: outer + ["final_layernorm": "output_norm"]),
    "phi3": .init(
      layer: norms + [
        "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output",
        "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
      ]),
    "starcoder2": .init(
      layer: attention + norms + ["mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"]),
    "gpt2": .init(
      layer: [
        "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down", "ln_1": "attn_norm", "ln_2": "ffn_norm",
      ], outer: gpt, transposes: true),
    "falcon": .init(
      layer: [
        "self_attention.query_key_value": "attn_qkv", "self_attention.dense": "attn_output",
        "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
        "input_layernorm": "attn_norm", "ln_mlp": "attn_norm", "ln_attn": "attn_norm_2",
      ], outer: gpt, sortsRows: ["self_attention.query_key_value"]),
    "gptneox": .init(
      layer: [
        "attention.query_key_value": "attn_qkv", "attention.dense": "attn_output",
        "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
      ],
      outer: ["embed_in": "token_embd", "embed_out": "output", "final_layer_norm": "output_norm"],
      sortsRows: ["attention.query_key_value"]),
  ]

  private static let outer = [
    "embed_tokens": "token_embd", "lm_head": "output", "norm": "output_norm",
  ]
  private static let gpt = [
    "wte": "token_embd", "word_embeddings": "token_embd", "wpe": "position_embd",
    "lm_head": "output", "ln_f": "output_norm",
  ]
  private static let attention = [
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
  ]
  private static let gated = [
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]
  private static let norms = [
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
  ]
  private static let llama = attention + gated + norms
  private static let headNorms = [
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
  ]
  private static let fourNorms = [
    "input_layernorm": "attn_norm", "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
  ]
  /// Experts' names stand here without their numbers.
  private static let experts = [
    "mlp.gate": "ffn_gate_inp", "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps", "mlp.experts.down_proj": "ffn_down_exps",
  ]
  /// Mixtral's, as its checkpoints and transformers 4 call them.
  private static let sparse = [
    "block_sparse_moe.gate": "ffn_gate_inp", "block_sparse_moe.experts.w1": "ffn_gate_exps",
    "block_sparse_moe.experts.w3": "ffn_up_exps", "block_sparse_moe.experts.w2": "ffn_down_exps",
  ]
  private static let sharedExpert = [
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
  ]
  private static let sharedExperts = [
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
  ]
  /// Newer files keep kv_b_proj in two parts, one of them transposed: those are refused.
  private static let latent = [
    "self_attn.q_a_proj": "attn_q_a", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_b_proj": "attn_kv_b",
    "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
  ]
}

/// Both tables' names.
private func + (first: [String: String], second: [String: String]) -> [String: String] {
  first.merging(second) { $1 }
}
