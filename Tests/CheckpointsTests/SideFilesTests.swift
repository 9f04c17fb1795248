import Checkpoints
import Safetensors
import Storage
import TestSupport
import Testing

struct SideFilesTests {
  let scratch = Scratch()

  private func sideFiles(of names: [String]) throws -> [String] {
    try scratch.write("model.safetensors", [SampleTensor("x", .f32, [1])])
    for name in names { try scratch.write(name, "[]") }
    return try Checkpoint.open(scratch.path).sideFiles
  }

  @Test func `everything but weights is taken, sorted by bytes, with folders below`() throws {
    let names = [
      "LICENSE", "Zed.txt", "chat_template.jinja", "code/modeling.py", "generation_config.json",
      "tokenizer.json", "tokenizer.model", "é.txt",
    ]
    #expect(try sideFiles(of: names.reversed()) == names)
  }

  @Test(arguments: [
    "pytorch_model.bin", "a/b.pth", "optimizer.pt", "m.gguf", "m.onnx", "onnx/tokenizer.json",
    "tf_model.h5", "flax_model.msgpack", "rust_model.ot", "vae/x.safetensors",
    "consolidated.00.pth",
    "consolidated/params.json", "original/params.json", "original/tokenizer.model",
    "metal/model.json", "openvino_int8/openvino_model.xml", "openvino/x.xml", "openvino_model.bin",
    "pytorch_model.bin.index.json", "model.fp16.safetensors.index.json", "config.json",
    "shardweld.json", ".gitattributes", ".cache/huggingface/x.json", "checkpoint-500/config.json",
    "adapter_config.json", "adapter_model.safetensors",
  ]) func `weights, what describes them and hidden files are left out`(name: String) throws {
    try #require(try sideFiles(of: [name, "keep.txt"]) == ["keep.txt"])
  }

  @Test func `configs of folders below are kept`() throws {
    let names = ["1_Pooling/config.json", "assets/shardweld.json", "checkpoint-notes/a.txt"]
    #expect(try sideFiles(of: names) == names)
  }

  @Test func `modules that are loaded beside the model keep their weights`() throws {
    try scratch.write(
      "modules.json",
      """
      [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]
      """)
    #expect(
      try sideFiles(of: ["2_Dense/model.safetensors", "2_Dense/config.json", "3_Dense/model.bin"])
        == ["2_Dense/config.json", "2_Dense/model.safetensors", "modules.json"])
  }

  @Test func `links to files count as files, also into a cache of blobs`() throws {
    try scratch.write("blobs/0123", "{}")
    try scratch.write("snapshots/c0ffee/model.safetensors", [SampleTensor("x", .f32, [1])])
    try scratch.link("snapshots/c0ffee/tokenizer.json", to: "../../blobs/0123")
    #expect(
      try Checkpoint.open(scratch("snapshots/c0ffee")).sideFiles == ["tokenizer.json"])
  }

  @Test func `a link back to its own folder ends`() throws {
    try scratch.link("again", to: ".")
    try scratch.write("sub/a.txt", "a")
    try scratch.link("sub/up", to: "..")
    #expect(try sideFiles(of: []) == ["sub/a.txt"])
  }

  @Test func `a left-out link to nothing does no harm`() throws {
    try scratch.link("pytorch_model.bin", to: "gone")
    #expect(try sideFiles(of: []).isEmpty)
  }
}
