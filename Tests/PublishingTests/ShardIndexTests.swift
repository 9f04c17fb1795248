import Testing

@testable import Publishing

struct ShardIndexTests {
  @Test func `an index is named as its shards are`() {
    #expect(
      ShardIndex.fileName(of: ["model-00001-of-00002.safetensors"])
        == "model.safetensors.index.json")
    #expect(
      ShardIndex.fileName(of: ["diffusion_pytorch_model-00001-of-00002.safetensors"])
        == "diffusion_pytorch_model.safetensors.index.json")
  }
}
