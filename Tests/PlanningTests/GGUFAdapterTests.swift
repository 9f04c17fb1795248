// LoRAs of llama.cpp against bases.
import Adapters
import Planning
import Safetensors
import Testing

struct GGUFAdapterTests {
  private static let lora =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Fixtures/gguf/lora.gguf"

  @Test func `a base that is no gguf file is refused`() throws {
    let model = try TinyModel([("blk.0.attn_q.weight", .f32, [6, 4])])
    model.add(file: Self.lora)
    #expect(
      model.refusal()
        == "\(Self.lora) is a LoRA of llama.cpp, for a .gguf base; give the PEFT adapter that it was converted from, or the .gguf model as --base"
    )
  }
}
