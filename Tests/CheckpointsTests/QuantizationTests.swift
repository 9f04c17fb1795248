import Checkpoints
import Safetensors
import TestSupport
import Testing

struct QuantizationTests {
  let scratch = Scratch()

  private func method(_ config: String, beside: (String, String)? = nil) throws -> String? {
    try scratch.write("model.safetensors", [SampleTensor("x", .f32, [1])])
    try scratch.write("config.json", config)
    if let (name, text) = beside { try scratch.write(name, text) }
    return try Checkpoint.open(scratch.path).quantization
  }

  @Test(arguments: [
    (#"{"quantization_config":{"quant_method":"gptq","bits":4}}"#, "gptq"),
    (#"{"quantization_config":{"load_in_4bit":true}}"#, "bitsandbytes"),
    (#"{"quantization_config":{"bits":4}}"#, "unknown"),
    (#"{"text_config":{"quantization_config":{"quant_method":"fp8"}}}"#, "fp8"),
    (#"{"a":{"b":{"quantization_config":{"quant_method":"awq"}}}}"#, "awq"),
    (#"{"compression_config":{"format":"pack-quantized"}}"#, "compressed-tensors"),
    (#"{"quantization":{"group_size":64,"bits":4}}"#, "mlx"),
    (
      #"{"quantization":{"group_size":64,"bits":4},"quantization_config":{"group_size":64,"bits":4}}"#,
      "mlx"
    ),
  ]) func `a method is found wherever a config names it`(config: String, name: String) throws {
    #expect(try method(config) == name)
  }

  @Test(arguments: [
    "{}", #"{"quantization_config":null}"#, #"{"quantization_config":{}}"#,
    #"{"quantization":"none","torch_dtype":"bfloat16"}"#, #"{"quantization":{}}"#,
  ]) func `a plain config names none`(config: String) throws {
    #expect(try method(config) == nil)
  }

  @Test(arguments: [
    ("quantize_config.json", #"{"bits":4,"group_size":128}"#, "gptq"),
    ("quantize_config.json", #"{"quant_method":"gptq_v2"}"#, "gptq_v2"),
    ("quant_config.json", #"{"w_bit":4,"version":"GEMM"}"#, "awq"),
    ("hf_quant_config.json", #"{"quantization":{"quant_algo":"FP8"}}"#, "modelopt"),
    ("quantization_config.json", "{}", "unknown"),
  ]) func `a file beside the config names one`(file: String, text: String, name: String) throws {
    #expect(try method("{}", beside: (file, text)) == name)
    let checkpoint = try Checkpoint.open(scratch.path)
    #expect(checkpoint.sideFiles.isEmpty && checkpoint.quantizationFiles == [file])
  }

  @Test func `the config goes before the files beside it`() throws {
    let config = #"{"quantization_config":{"quant_method":"awq"}}"#
    #expect(try method(config, beside: ("quantize_config.json", "{}")) == "awq")
  }
}
