import Testing

@testable import Planning

@Test(arguments: [
  (["model.safetensors"], ["model.safetensors"]), (["pytorch_model.bin"], ["model.safetensors"]),
  (
    ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"],
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
  ), (["sub/weights.pth"], ["sub/weights.safetensors"]),
  (["a.pt", "a.bin"], ["a.pt.safetensors", "a.bin.safetensors"]),
])
func `output shards that follow the base's are safetensors by name too`(
  names: [String], expected: [String]
) {
  #expect(OutputNames.of(names) == expected)
}
