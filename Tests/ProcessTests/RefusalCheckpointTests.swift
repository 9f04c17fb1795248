// Folders that are no base, indexes that are wrong, files that are missing.
import Foundation
import Safetensors
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30)))
struct RefusalCheckpointTests {
  let bench: RefusalBench
  private var scratch: Scratch { bench.scratch }
  private var index: String { scratch("base/model.safetensors.index.json") }

  init() throws { bench = try RefusalBench() }

  // MARK: The index

  @Test func `an index that names a missing file is refused`() throws {
    try bench.remove("base/" + RefusalBench.shards[1])
    try bench.expectRefusal(naming: [index, "\"" + RefusalBench.shards[1] + "\"", "not there"])
  }

  @Test func `an index that names a tensor no shard holds is refused`() throws {
    try bench.writeIndex(["model.layers.9.gone.weight": RefusalBench.shards[0]])
    try bench.expectRefusal(naming: [index, "\"model.layers.9.gone.weight\"", "no file"])
  }

  @Test(arguments: ["../other.safetensors", "/etc/passwd", "a/../../b.safetensors", "./x"])
  func `an index that leaves its folder is refused`(_ path: String) throws {
    try scratch.write("other.safetensors", RefusalBench.tensors[1])
    try bench.writeIndex([RefusalBench.head: path])
    try bench.expectRefusal(naming: [index, "no path inside its folder"])
  }

  @Test(arguments: ["", "{", "[]", "null", #"{"weight_map": 5}"#, #"{"weight_map": {"a": 5}}"#])
  func `an index that is not the JSON expected is refused`(_ text: String) throws {
    try scratch.write("base/model.safetensors.index.json", text)
    try bench.expectRefusal(naming: [index, "not the JSON expected"])
  }

  @Test(arguments: ["{}", #"{"weight_map": {}}"#, #"{"metadata": {}}"#])
  func `an index without a map is refused`(_ text: String) throws {
    try scratch.write("base/model.safetensors.index.json", text)
    try bench.expectRefusal(naming: [index, "weight_map"])
  }

  @Test func `a tensor in two shards is refused`() throws {
    try scratch.write(
      "base/" + RefusalBench.shards[1], RefusalBench.tensors[1] + [RefusalBench.tensors[0][0]])
    try bench.expectRefusal(
      naming: [
        "\"" + RefusalBench.embedding + "\"", scratch("base/" + RefusalBench.shards[0]),
        scratch("base/" + RefusalBench.shards[1]),
      ])
  }

  @Test func `two indexes of which none is the usual one are refused`() throws {
    for name in ["a", "b"] {
      try FileManager.default.copyItem(
        atPath: index, toPath: scratch("base/\(name).safetensors.index.json"))
    }
    try bench.remove("base/model.safetensors.index.json")
    try bench.expectRefusal(
      naming: [scratch("base"), "a.safetensors.index.json", "b.safetensors.index.json"])
  }

  @Test func `a set of shards with one missing and no index is refused`() throws {
    try bench.remove("base/model.safetensors.index.json")
    try bench.remove("base/" + RefusalBench.shards[0])
    try bench.expectRefusal(naming: [scratch("base"), RefusalBench.shards[0]])
  }

  @Test func `two sets of weights and no index are refused`() throws {
    try bench.remove("base/model.safetensors.index.json")
    for shard in RefusalBench.shards { try bench.remove("base/" + shard) }
    try scratch.write("base/one.safetensors", RefusalBench.tensors[0])
    try scratch.write("base/two.safetensors", RefusalBench.tensors[1])
    try bench.expectRefusal(naming: [scratch("base"), "one.safetensors", "two.safetensors"])
  }

  // MARK: What is no base

  @Test func `a base that does not exist is refused`() throws {
    try bench.expectRefusal(
      base: scratch("nowhere/at/all"), naming: [scratch("nowhere/at/all"), "does not exist"])
  }

  @Test func `an empty folder as a base is refused`() throws {
    try scratch.write("empty/notes.txt", "")
    try bench.expectRefusal(base: scratch("empty"), naming: [scratch("empty"), "no weights"])
  }

  @Test(arguments: ["model.onnx", "model.ggml", "consolidated.00.pth", "tf_model.h5"])
  func `a base in another format alone is refused`(_ name: String) throws {
    try scratch.write("other/" + name, "weights")
    try scratch.write("other/config.json", "{}")
    try bench.expectRefusal(
      base: scratch("other"), naming: [scratch("other"), name, "not read"])
  }

  @Test func `a file that is no safetensors as a base is refused`() throws {
    try scratch.write("model.dat", "data")
    try bench.expectRefusal(
      base: scratch("model.dat"),
      naming: [scratch("model.dat"), "neither a .safetensors file nor one that torch saved"])
  }

  @Test func `a base of torch that would run something is refused`() throws {
    let zip = SampleZip(
      pickle: SamplePickle.program(
        SamplePickle.call(
          SamplePickle.global("posix", "system"), SamplePickle.text("touch \(scratch("touched"))")))
    )
    try scratch.write("evil/pytorch_model.bin", zip.bytes)
    try scratch.write("evil/config.json", "{}")
    try bench.expectRefusal(
      base: scratch("evil"),
      naming: [scratch("evil/pytorch_model.bin"), "posix.system", "was not run"])
    #expect(!FileManager.default.fileExists(atPath: scratch("touched")))
  }

  @Test func `one shard of several as a base is refused`() throws {
    let path = scratch("base/" + RefusalBench.shards[0])
    try bench.expectRefusal(base: path, naming: [path, "one of several", scratch("base")])
  }

  @Test func `an adapter given as the base is refused`() throws {
    try bench.expectRefusal(
      base: scratch("adapter"), naming: [scratch("adapter"), "is an adapter, not a base"])
  }

  @Test func `a name that the Hugging Face cache does not hold is refused`() throws {
    try scratch.write("cache/models--org--other/refs/main", "abc")
    try bench.expectRefusal(
      base: "some-org/some-model", environment: ["HF_HUB_CACHE": scratch("cache")],
      naming: ["some-org/some-model", scratch("cache"), "hf download"])
  }

  @Test func `a cached model whose snapshot is gone is refused`() throws {
    try scratch.write("cache/models--org--name/refs/main", "abc")
    try bench.expectRefusal(
      base: "org/name", environment: ["HF_HUB_CACHE": scratch("cache")],
      naming: [scratch("cache/models--org--name/snapshots/abc")])
  }

  @Test func `a cached model whose reference leaves the cache is refused`() throws {
    try scratch.write("cache/models--org--name/refs/main", "../../../base")
    try bench.expectRefusal(
      base: "org/name", environment: ["HF_HUB_CACHE": scratch("cache")],
      naming: [scratch("cache/models--org--name/refs/main"), "does not name a snapshot"])
  }

  // MARK: What lies beside the weights

  @Test func `a config that is no JSON is refused`() throws {
    try scratch.write("base/config.json", "{ model_type: llama }")
    try bench.expectRefusal(naming: [scratch("base/config.json"), "not the JSON expected"])
  }

  @Test(arguments: [
    (#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#, "gptq"),
    (#"{"quantization_config": {"load_in_4bit": true}}"#, "bitsandbytes"),
    (#"{"text_config": {"quantization_config": {"quant_method": "fp8"}}}"#, "fp8"),
    (#"{"quantization": {"group_size": 64, "bits": 4}}"#, "mlx"),
    (#"{"compression_config": {"format": "pack-quantized"}}"#, "compressed-tensors"),
  ])
  func `a base that only its config calls quantised is refused`(_ config: String, _ method: String)
    throws
  {
    try scratch.write("base/config.json", config)
    try bench.expectRefusal(naming: [scratch("base"), "quantised (\(method)), but none"])
  }

  @Test func `a base with a quantiser's own file is refused`() throws {
    try scratch.write("base/quantize_config.json", #"{"bits": 4}"#)
    try bench.expectRefusal(naming: [scratch("base"), "quantised (gptq), but none"])
  }

  @Test func `a side file that is a dead link is refused`() throws {
    try scratch.link("base/tokenizer.model", to: scratch("gone"))
    try bench.expectRefusal(naming: [scratch("base/tokenizer.model"), "leads to nothing"])
  }

  @Test func `a manifest of the base that is damaged is refused`() throws {
    try scratch.write("base/shardweld.json", #"{"manifest": "soon"}"#)
    try bench.expectRefusal(naming: [scratch("base/shardweld.json")])
  }

  @Test func `an update for whole numbers is refused`() throws {
    try scratch.write(
      "base/" + RefusalBench.shards[0],
      [RefusalBench.tensors[0][0], SampleTensor(RefusalBench.weights[0], .i32, [32, 16])])
    try bench.expectRefusal(naming: ["\"" + RefusalBench.weights[0] + "\"", "I32"])
  }

  @Test func `an update for 8-bit floats is refused`() throws {
    try scratch.write(
      "base/" + RefusalBench.shards[0],
      [RefusalBench.tensors[0][0], SampleTensor(RefusalBench.weights[0], .f8E4M3, [32, 16])])
    try bench.expectRefusal(naming: ["\"" + RefusalBench.weights[0] + "\"", "F8_E4M3"])
  }
}
