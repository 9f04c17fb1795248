// What the authors of Flux and SD3 call the modules that diffusers calls otherwise. Theirs hold
// queries, keys and values in one weight, diffusers' in one each; their last modulation gives shift
// before scale, diffusers' scale before shift. Names come without dots, as kohya's files have them:
//
//   double_blocks_3_img_attn_qkv    transformer_blocks.3.attn.to_q, .to_k, .to_v
//   single_blocks_3_linear1         single_transformer_blocks.3.attn.to_q, .to_k, .to_v, .proj_mlp
//   joint_blocks_3_x_block_mlp_fc1  transformer_blocks.3.ff.net.0.proj
//
// Source: diffusers `loaders/single_file_utils.py`, convert_flux_…, convert_sd3_….
import Adapters
import Checkpoints
import Safetensors

struct OriginalNames {
  let base: BaseModel

  /// The base's weights for a module of so many rows, as many as theirs where that is not known;
  /// empty where there are none.
  func targets(of path: String, rows: Int?) -> [ComponentMatcher.Target] {
    guard let (names, swapsHalves) = names(of: path) else { return [] }
    let shapes = names.map { base.tensor($0 + ".weight")?.shape ?? [] }
    guard shapes.allSatisfy({ !$0.isEmpty }) else { return [] }
    let total = shapes.reduce(0) { $0 + $1[0] }
    let rows = rows ?? total
    if swapsHalves, rows % 2 == 0 {
      let half = rows / 2
      return [(0..<half, half..<rows), (half..<rows, 0..<half)].map { own, base in
        ComponentMatcher.Target(path: names[0], outputs: (own, rows), rows: base)
      }
    }
    guard names.count > 1 else { return [ComponentMatcher.Target(path: names[0])] }
    // A fused weight of another size is found, and then does not fit.
    guard total == rows else { return names.map { ComponentMatcher.Target(path: $0) } }
    var first = 0
    return zip(names, shapes).map { name, shape in
      defer { first += shape[0] }
      return ComponentMatcher.Target(path: name, outputs: (first..<(first + shape[0]), rows))
    }
  }

  private func names(of path: String) -> (names: [String], swapsHalves: Bool)? {
    if let name = Self.single[path] { return ([name], path == Self.lastModulation) }
    for (original, diffusers, leaves) in Self.blocks where path.hasPrefix(original) {
      let rest = path.dropFirst(original.count)
      guard let end = rest.firstIndex(of: "_"), let number = Int(rest[..<end]),
        let own = leaves[String(rest[rest.index(after: end)...])]
      else { continue }
      let block = "\(diffusers).\(number)."
      // SD3's last block reads its context and gives none out.
      let isLast =
        own == ["norm1_context.linear"] && original == "joint_blocks_"
        && base.tensor(block + "attn.to_add_out.weight") == nil
      return (own.map { block + $0 }, isLast)
    }
    return nil
  }

  private static let lastModulation = "final_layer_adaLN_modulation_1"

  private static let single = [
    "img_in": "x_embedder", "txt_in": "context_embedder", "context_embedder": "context_embedder",
    "x_embedder_proj": "pos_embed.proj",
    "time_in_in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in_out_layer": "time_text_embed.timestep_embedder.linear_2",
    "t_embedder_mlp_0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder_mlp_2": "time_text_embed.timestep_embedder.linear_2",
    "guidance_in_in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in_out_layer": "time_text_embed.guidance_embedder.linear_2",
    "vector_in_in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in_out_layer": "time_text_embed.text_embedder.linear_2",
    "y_embedder_mlp_0": "time_text_embed.text_embedder.linear_1",
    "y_embedder_mlp_2": "time_text_embed.text_embedder.linear_2",
    "final_layer_linear": "proj_out", lastModulation: "norm_out.linear",
  ]

  private static let queries = ["attn.to_q", "attn.to_k", "attn.to_v"]
  private static let added = ["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"]

  private static let blocks: [(original: String, diffusers: String, leaves: [String: [String]])] = [
    (
      "double_blocks_", "transformer_blocks",
      [
        "img_attn_qkv": queries, "txt_attn_qkv": added, "img_attn_proj": ["attn.to_out.0"],
        "txt_attn_proj": ["attn.to_add_out"], "img_mlp_0": ["ff.net.0.proj"],
        "img_mlp_2": ["ff.net.2"], "txt_mlp_0": ["ff_context.net.0.proj"],
        "txt_mlp_2": ["ff_context.net.2"], "img_mod_lin": ["norm1.linear"],
        "txt_mod_lin": ["norm1_context.linear"],
      ]
    ),
    (
      "single_blocks_", "single_transformer_blocks",
      [
        "linear1": queries + ["proj_mlp"], "linear2": ["proj_out"],
        "modulation_lin": ["norm.linear"],
      ]
    ),
    (
      "joint_blocks_", "transformer_blocks",
      [
        "x_block_attn_qkv": queries, "context_block_attn_qkv": added,
        "x_block_attn_proj": ["attn.to_out.0"], "context_block_attn_proj": ["attn.to_add_out"],
        "x_block_attn2_qkv": ["attn2.to_q", "attn2.to_k", "attn2.to_v"],
        "x_block_attn2_proj": ["attn2.to_out.0"],
        "x_block_adaLN_modulation_1": ["norm1.linear"],
        "context_block_adaLN_modulation_1": ["norm1_context.linear"],
        "x_block_mlp_fc1": ["ff.net.0.proj"], "x_block_mlp_fc2": ["ff.net.2"],
        "context_block_mlp_fc1": ["ff_context.net.0.proj"],
        "context_block_mlp_fc2": ["ff_context.net.2"],
      ]
    ),
  ]
}
