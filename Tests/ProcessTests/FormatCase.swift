// The small merges of Tests/Fixtures/formats: adapters that PEFT did not write, each with the result
// of the library that did, and how near ours must come to it.

extension GoldenCase {
  /// All folders, a pipeline's once for each of its parts, each with the strictest bound that holds,
  /// as measured: the libraries compute in F32, and F32 shows it.
  static let formats = formatList.map { golden in
    var golden = golden
    golden.group = "formats"
    return golden
  }

  private static let formatList: [GoldenCase] = [
    .init("diffusers-bare", .apart(5.4e-8), part: "unet"),
    .init("diffusers-dora", .apart(1.9e-7), part: "unet"),
    .init("diffusers-layer-names", .apart(9.1e-8), part: "text_encoder"),
    .init("diffusers-layer-names", .apart(5.4e-8), part: "unet"),
    .init("diffusers-lora-names", .apart(8.9e-8), part: "unet"),
    .init("diffusers-pipeline", .apart(3.6e-8), part: "text_encoder"),
    .init("diffusers-pipeline", .apart(8.9e-8), part: "unet"),
    .init("diffusers-processor-names", .apart(2.9e-8), part: "unet"),
    .init("diffusers-transformer", part: "transformer"),
    .init("diffusers-unet", part: "unet"),
    .init("kohya-flux", part: "transformer"),
    .init("kohya-flux-original", part: "transformer"),
    .init("kohya-locon", part: "unet"),
    .init("kohya-sd3", part: "transformer"),
    .init("kohya-sdxl", part: "unet"),
    .init("kohya-text", .apart(6.9e-8), part: "text_encoder"),
    .init("kohya-text", .apart(1.4e-7), part: "unet"),
    .init("lycoris-boft", .apart(2.6e-7), part: "unet"),
    .init("lycoris-boft-constraint", .apart(2.8e-7), part: "unet"),
    .init("lycoris-dora", .apart(2.1e-7), part: "unet"),
    .init("lycoris-dora-input", .apart(1.5e-7), part: "unet"),
    .init("lycoris-flux-lokr", part: "transformer"),
    .init("lycoris-full", part: "unet"),
    .init("lycoris-glora", .apart(1.6e-7), part: "unet"),
    .init("lycoris-ia3", .apart(1.3e-7), part: "unet"),
    .init("lycoris-loha", .apart(1.9e-7), part: "unet"),
    .init("lycoris-loha-tucker", .apart(1.6e-7), part: "unet"),
    .init("lycoris-lokr", .apart(1.3e-7), part: "unet"),
    .init("lycoris-lokr-both", .apart(1.2e-7), part: "unet"),
    .init("lycoris-lokr-full", .apart(9.5e-8), part: "unet"),
    .init("lycoris-lokr-tucker", .apart(1.6e-7), part: "unet"),
    .init("lycoris-oft", .apart(1.5e-7), part: "unet"),
    .init("lycoris-oft-constraint", .apart(1.3e-7), part: "unet"),
    .init("lycoris-tucker", .apart(9.3e-8), part: "unet"),
    .init("mlx-alpha"),
    .init("mlx-dora", .apart(1.9e-7)),
    .init("mlx-embedding"),
    .init("mlx-experts"),
    .init("mlx-full"),
    .init("mlx-linear", .apart(1.6e-5)),  // one element, by a rounding
    .init("mlx-linear-f32", .apart(7.1e-8)),
    .init("tinker-experts"),
    .init("tinker-stacked", .apart(1.9e-7)),
    .init("torchtune-dora", .apart(1.5e-7)),
    .init("torchtune-lora", .apart(9.6e-8)),
    .init("unsloth-experts"),
  ]
}
