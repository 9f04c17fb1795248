import Checkpoints
import Testing

struct NaturalOrderTests {
  @Test func `runs of digits sort by value, the rest by bytes`() {
    let sorted = [
      "a", "a-1", "a-01", "a-2", "a-10", "a-10-b", "a-99999999999999999999999", "b", "é",
    ]
    // Equal values: the bytes decide, and "0" comes before "1".
    let expected = ["a", "a-01", "a-1"] + sorted.dropFirst(3)
    #expect(sorted.reversed().sorted(by: NaturalOrder.precedes) == expected)
  }

  @Test func `a numbered name is taken apart and put together again`() throws {
    for name in [
      "model-00001-of-00004.safetensors", "model-00007-of-000163.safetensors",
      "model-1-of-61.safetensors", "model.safetensors-00003-of-00014.safetensors",
      "model.fp16-00001-of-00002.safetensors", "-1-of-2.safetensors",
      "pytorch_model-00001-of-00002.bin", "weights-1-of-3.pth",
    ] {
      let parts = try #require(NumberedName(name))
      #expect(parts.name(of: parts.number) == name)
    }
    #expect(
      try #require(NumberedName("model-00009-of-00012.safetensors")).name(of: 10)
        == "model-00010-of-00012.safetensors")
  }

  @Test(arguments: [
    "model.safetensors", "model-of-4.safetensors", "model-1-of-.safetensors",
    "model1-of-4.safetensors", "model-1-of-4.onnx", "model-1of-4.safetensors",
    "model-1-of-99999999999999999999.safetensors", "1-of-2.safetensors",
  ]) func `a name that does not count itself is told apart`(name: String) {
    #expect(NumberedName(name) == nil)
  }
}
