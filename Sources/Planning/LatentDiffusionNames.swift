// What the authors of Stable Diffusion call the modules of its UNet, where diffusers has names of
// its own; kohya's files of SDXL have theirs. Names come, and go, without dots:
//
//   input_blocks_4_1_transformer_blocks_0_attn1_to_q    down_blocks_1_attentions_0_transformer_…
//   middle_block_0_in_layers_2                          mid_block_resnets_0_conv1
//   output_blocks_2_2_conv                              up_blocks_0_upsamplers_0_conv
//
// Source: diffusers `loaders/single_file_utils.py`, convert_ldm_unet_checkpoint.
import Checkpoints
import OrderedJSON

struct LatentDiffusionNames {
  /// Residual blocks of a level, before what leads to the next.
  private let layersPerBlock: Int

  /// Nil where the base's config does not say how its blocks are counted.
  init?(base: BaseModel) {
    guard let count = base.checkpoint.config?["layers_per_block"]?.int, count > 0 else {
      return nil
    }
    layersPerBlock = count
  }

  /// diffusers' name; nil where there is none.
  func name(of path: String) -> String? {
    if let name = Self.single[path] { return name }
    let words = path.split(separator: "_").map(String.init)
    guard words.count > 3, let block = Int(words[2]) else { return nil }
    if words[0] == "middle", words[1] == "block" {
      return Self.middle(block, words.dropFirst(3).joined(separator: "_"))
    }
    guard words.count > 4, words[1] == "blocks", let part = Int(words[3]) else { return nil }
    let rest = words.dropFirst(4).joined(separator: "_")
    switch words[0] {
    case "input" where block > 0:
      let level = (block - 1) / (layersPerBlock + 1)
      if part == 0, rest == "op" { return "down_blocks_\(level)_downsamplers_0_conv" }
      return layer("down_blocks_\(level)", (block - 1) % (layersPerBlock + 1), part, rest)
    case "output" where block >= 0:
      let level = block / (layersPerBlock + 1)
      if rest == "conv" { return "up_blocks_\(level)_upsamplers_0_conv" }
      return layer("up_blocks_\(level)", block % (layersPerBlock + 1), part, rest)
    default: return nil
    }
  }

  private func layer(_ block: String, _ number: Int, _ part: Int, _ rest: String) -> String? {
    switch part {
    case 0: Self.residual[rest].map { "\(block)_resnets_\(number)_\($0)" }
    case 1: "\(block)_attentions_\(number)_\(rest)"
    default: nil
    }
  }

  private static func middle(_ part: Int, _ rest: String) -> String? {
    switch part {
    case 0, 2: residual[rest].map { "mid_block_resnets_\(part / 2)_\($0)" }
    case 1: "mid_block_attentions_0_\(rest)"
    default: nil
    }
  }

  private static let residual = [
    "in_layers_0": "norm1", "in_layers_2": "conv1", "emb_layers_1": "time_emb_proj",
    "out_layers_0": "norm2", "out_layers_3": "conv2", "skip_connection": "conv_shortcut",
  ]

  private static let single = [
    "input_blocks_0_0": "conv_in", "out_0": "conv_norm_out", "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1", "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1", "label_emb_0_2": "add_embedding_linear_2",
  ]
}
