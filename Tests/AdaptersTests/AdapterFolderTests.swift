// Where an adapter's files are found, and what is refused instead of guessed.
import Adapters
import Safetensors
import Storage
import TestSupport
import Testing

struct AdapterFolderTests {
  private let scratch = Scratch()
  private let config = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#
  private static let a = "base_model.model.q.lora_A.weight"
  private static let b = "base_model.model.q.lora_B.weight"

  private func pair(_ dtype: DType = .f32) -> [SampleTensor] {
    [
      SampleTensor(Self.a, dtype, [2, 4]), SampleTensor(Self.b, dtype, [6, 2]),
    ]
  }

  private func refusal(_ path: String) -> String? {
    do throws(AdapterError) {
      _ = try Adapter.open(path)
      return nil
    } catch { return error.sentence }
  }

  @Test func `config and weights in one folder are an adapter`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    try scratch.write("adapter/adapter_model.safetensors", pair())
    let adapter = try Adapter.open(scratch("adapter"))
    #expect(adapter.path == scratch("adapter"))
    #expect(adapter.modules.map(\.path) == ["q"])
    #expect(adapter.modules[0].a.shape == [2, 4] && adapter.modules[0].b.shape == [6, 2])
  }

  @Test func `pairs whose halves lie apart come in the order of their first halves`() throws {
    let names = ["k", "q", "v"]
    try scratch.write("adapter/adapter_config.json", config)
    try scratch.write(
      "adapter/adapter_model.safetensors",
      names.map { SampleTensor("base_model.model.\($0).lora_B.weight", .f32, [6, 2]) }
        + names.reversed().map {
          SampleTensor("base_model.model.\($0).lora_A.weight", .f32, [2, 4])
        }
    )
    let modules = try Adapter.open(scratch("adapter")).modules
    #expect(modules.map(\.path) == names)
    #expect(modules.map(\.a.name) == names.map { "base_model.model.\($0).lora_A.weight" })
  }

  @Test func `an adapter one level down is found`() throws {
    try scratch.write("out/mine/adapter_config.json", config)
    try scratch.write("out/mine/adapter_model.safetensors", pair(.bf16))
    try scratch.write("out/README.md", "notes")
    #expect(try Adapter.open(scratch("out")).path == scratch("out/mine"))
  }

  @Test func `two adapters one level down are refused by name`() throws {
    for name in ["one", "two"] {
      try scratch.write("out/\(name)/adapter_config.json", config)
    }
    #expect(
      refusal(scratch("out"))
        == "\(scratch("out")) holds several adapters (one, two); name one of them")
  }

  @Test func `weights in several files are read by their index`() throws {
    let files = [
      "adapter_model-00001-of-00002.safetensors", "adapter_model-00002-of-00002.safetensors",
    ]
    try scratch.write("adapter/adapter_config.json", config)
    try scratch.write("adapter/" + files[0], [pair()[0]])
    try scratch.write("adapter/" + files[1], [pair()[1]])
    try scratch.write(
      "adapter/adapter_model.safetensors.index.json",
      #"{"weight_map": {"\#(Self.a)": "\#(files[0])", "\#(Self.b)": "\#(files[1])"}}"#)
    let adapter = try Adapter.open(scratch("adapter"))
    #expect(adapter.folder.fileNames == files)
    #expect(adapter.modules.count == 1)
    #expect(adapter.modules[0].a.file == 0 && adapter.modules[0].b.file == 1)
  }

  @Test func `an index that names a file which is not there is refused`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    let index = try scratch.write(
      "adapter/adapter_model.safetensors.index.json",
      #"{"weight_map": {"\#(Self.a)": "gone.safetensors"}}"#)
    #expect(
      refusal(scratch("adapter")) == "\(index): gone.safetensors is named but not in the folder")
    try scratch.write(
      "adapter/adapter_model.safetensors.index.json",
      #"{"weight_map": {"\#(Self.a)": "../x.safetensors"}}"#)
    #expect(
      refusal(scratch("adapter"))
        == "\(index): \"\(Self.a)\" names no file of this folder")
  }

  @Test func `weights under another name are refused with what was found`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    try scratch.write("adapter/lora.pt", "pickle")
    #expect(
      refusal(scratch("adapter"))
        == "\(scratch("adapter")) holds no adapter_model.safetensors and no adapter_model.bin; "
        + "found lora.pt, which is not read: save it as safetensors")
  }

  @Test func `weights that torch saved are read, and safetensors before them`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    let tensors = pair().map { tensor in
      (
        tensor.name,
        SamplePickle.tensor(
          SamplePickle.storage(count: 64), shape: tensor.shape,
          strides: [tensor.shape[1], 1])
      )
    }
    let zip = SampleZip(
      pickle: SamplePickle.program(SamplePickle.dict(tensors)),
      [("0", [UInt8](repeating: 0, count: 256))])
    let path = try scratch.write("adapter/adapter_model.bin", zip.bytes)
    let adapter = try Adapter.open(scratch("adapter"))
    #expect(adapter.files.map(\.path) == [path])
    #expect(adapter.folder.fileNames == ["adapter_model.bin"])
    #expect(adapter.modules.map(\.a.shape) == [pair()[0].shape])

    // By its path, and as torchtune calls it.
    #expect(try Adapter.open(path).folder.fileNames == ["adapter_model.bin"])
    try scratch.write("tuned/adapter_config.json", config)
    try scratch.write("tuned/adapter_0.pt", zip.bytes)
    #expect(try Adapter.open(scratch("tuned")).folder.fileNames == ["adapter_0.pt"])

    try scratch.write("adapter/adapter_model.safetensors", pair())
    let other = try Adapter.open(scratch("adapter"))
    #expect(other.folder.fileNames == ["adapter_model.safetensors"])
    #expect(other.modules.map(\.path) == adapter.modules.map(\.path))
  }

  @Test func `broken weights that torch saved are refused in their own words`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    let path = try scratch.write("adapter/adapter_model.bin", "pickle")
    #expect(
      refusal(scratch("adapter"))
        == "\(path) cannot be read as weights saved by torch: it is neither a zip nor a pickle "
        + "that torch wrote; give a file that torch.save wrote, or safetensors")
  }

  @Test func `a folder without a config is refused`() throws {
    try scratch.write("empty/x.txt", "x")
    for path in [scratch("empty"), scratch("nowhere")] {
      #expect(
        refusal(path)
          == "\(path) holds no adapter_config.json, nor does a folder in it; "
          + "name the folder that PEFT's save_pretrained wrote")
    }
  }

  @Test func `copies that PEFT saved along are set aside by name`() throws {
    try scratch.write("adapter/adapter_config.json", config)
    let names = ["score.bias", "score.modules_to_save.bias", "score.original_module.bias"]
    try scratch.write(
      "adapter/adapter_model.safetensors",
      pair() + names.map { SampleTensor("base_model.model." + $0, .f32, [3]) })
    let adapter = try Adapter.open(scratch("adapter"))
    #expect(adapter.wholeTensors.map(\.tensor.name) == ["base_model.model.score.bias"])
    #expect(
      adapter.setAside == [
        "base_model.model.score.original_module.bias: the module as it was before training",
        "base_model.model.score.modules_to_save.bias: a second copy of score.bias",
      ])
  }
}
