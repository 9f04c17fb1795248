// Folders that are no base, one by one, with the exact sentence that a person reads.
import Checkpoints
import Safetensors
import Storage
import TestSupport
import Testing

struct RefusalTests {
  let scratch = Scratch()

  private func refusal(_ path: String? = nil) throws -> String {
    let error = #expect(throws: CheckpointError.self) {
      _ = try Checkpoint.open(path ?? scratch.path)
    }
    return try #require(error?.sentence).replacing(scratch.path, with: "BASE")
  }

  private func shard(_ name: String, _ tensors: String...) throws {
    try scratch.write(name, tensors.map { SampleTensor($0, .f32, [2]) })
  }

  private func index(_ text: String) throws {
    try scratch.write("model.safetensors.index.json", text)
  }

  // MARK: The index

  @Test func `an index that leaves the folder is refused`() throws {
    for file in ["../a.safetensors", "/etc/a.safetensors", "x/../../a.safetensors", "", "./a"] {
      try index("{\"weight_map\":{\"x\":\"\(file)\"}}")
      #expect(
        try refusal()
          == "BASE/model.safetensors.index.json names \"\(file)\", which is no path inside its "
          + "folder; do not use this checkpoint")
    }
  }

  @Test func `a file of the index that is missing is refused by name`() throws {
    try shard("a.safetensors", "x")
    try index("{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}")
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json names \"b.safetensors\", which is not there; "
        + "fetch the missing file")
  }

  @Test func `a tensor of the index that no file holds is refused`() throws {
    try shard("a.safetensors", "x")
    try index("{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"a.safetensors\"}}")
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json names tensor \"y\" in \"a.safetensors\", "
        + "but no file of the index holds it; fetch the checkpoint again")
  }

  @Test func `a tensor in two shards is refused`() throws {
    try shard("a.safetensors", "x")
    try shard("b.safetensors", "y", "x")
    try index("{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"b.safetensors\"}}")
    #expect(
      try refusal()
        == "tensor \"x\" is in BASE/a.safetensors and again in BASE/b.safetensors; "
        + "remove the file that does not belong to the checkpoint")
  }

  @Test func `a tensor that the index names twice is refused`() throws {
    try shard("a.safetensors", "x")
    try index("{\"weight_map\":{\"x\":\"a.safetensors\",\"x\":\"a.safetensors\"}}")
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json is not the JSON expected: "
        + "key \"x\" stands twice, again at byte 35; mend it or fetch it again")
  }

  @Test(arguments: ["{}", "{\"metadata\":{}}", "{\"weight_map\":{}}"])
  func `an index without files is refused`(text: String) throws {
    try index(text)
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json has no weight_map that names a file; fetch it again")
  }

  @Test func `an index that is cut short is refused`() throws {
    try index("{\"weight_map\":{\"x\":\"a.safe")
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json is not the JSON expected: "
        + "the end of a string expected at byte 26; mend it or fetch it again")
  }

  @Test func `an index that maps to something else than a name is refused`() throws {
    try index("{\"weight_map\":{\"x\":1}}")
    #expect(
      try refusal()
        == "BASE/model.safetensors.index.json is not the JSON expected: "
        + "a string expected at byte 19; mend it or fetch it again")
  }

  @Test func `several indexes of which none is preferred are refused`() throws {
    for stem in ["model.fp16", "model.fp32"] {
      try scratch.write("\(stem).safetensors.index.json", "{}")
    }
    #expect(
      try refusal()
        == "BASE holds several indexes (model.fp16.safetensors.index.json, "
        + "model.fp32.safetensors.index.json) and none is model.safetensors.index.json; "
        + "give the path of the one that is meant")
  }

  // MARK: Weights without an index

  @Test func `an incomplete set is refused with the missing name`() throws {
    try shard("model-00001-of-00004.safetensors", "a")
    try shard("model-00002-of-00004.safetensors", "b")
    try shard("model-00004-of-00004.safetensors", "c")
    #expect(
      try refusal()
        == "BASE lacks model-00003-of-00004.safetensors: 3 of its set are there and no index says "
        + "otherwise; fetch the missing file")
  }

  @Test func `one shard alone is no checkpoint`() throws {
    try shard("model-00001-of-00004.safetensors", "a")
    #expect(
      try refusal()
        == "BASE lacks model-00002-of-00004.safetensors: 1 of its set are there and no index says "
        + "otherwise; fetch the missing file")
  }

  @Test func `a set from 0 must reach its last number`() throws {
    for number in 0...1 { try shard("model-0000\(number)-of-00002.safetensors", "t\(number)") }
    #expect(
      try refusal()
        == "BASE lacks model-00002-of-00002.safetensors: 2 of its set are there and no index says "
        + "otherwise; fetch the missing file")
  }

  @Test func `several files without an index are refused`() throws {
    try shard("a.safetensors", "x")
    try shard("b-1-of-2.safetensors", "x")
    try shard("b-2-of-2.safetensors", "y")
    #expect(
      try refusal()
        == "BASE holds several sets of weights (a.safetensors, b-*-of-2.safetensors) and no index; "
        + "give the path of the file that is meant, or add the index")
  }

  @Test func `two spellings of one number are refused`() throws {
    for name in ["model-01-of-02", "model-1-of-02", "model-02-of-02"] {
      try shard("\(name).safetensors", name)
    }
    #expect(
      try refusal()
        == "BASE holds several sets of weights (model-01-of-02.safetensors, "
        + "model-1-of-02.safetensors) and no index; "
        + "give the path of the file that is meant, or add the index")
  }

  @Test func `a shard of a set given by itself is refused`() throws {
    try shard("model-00001-of-00002.safetensors", "x")
    #expect(
      try refusal(scratch("model-00001-of-00002.safetensors"))
        == "BASE/model-00001-of-00002.safetensors is one of several shards; give their folder, BASE"
    )
  }

  @Test func `a file in another format given by itself is refused`() throws {
    try scratch.write("model.ggml", "ggjt")
    #expect(
      try refusal(scratch("model.ggml"))
        == "BASE/model.ggml is not read: one of llama.cpp's containers before GGUF; "
        + "convert the model anew with its convert_hf_to_gguf.py")
    try scratch.write("model.dat", "x")
    #expect(
      try refusal(scratch("model.dat"))
        == "BASE/model.dat is neither a .safetensors file nor one that torch saved (.bin, .pth, "
        + ".pt), nor llama.cpp's (.gguf); convert it first")
    try scratch.write("consolidated.00.pth", "x")
    #expect(
      try refusal(scratch("consolidated.00.pth")).hasPrefix(
        "BASE/consolidated.00.pth is not read: weights in Meta's own layout, "))
  }

  @Test func `a broken shard is refused in its own words`() throws {
    try scratch.write("model.safetensors", [1, 2])
    #expect(
      try refusal()
        == "BASE/model.safetensors cannot be read as safetensors: a header expected, "
        + "a file of 2 bytes found; the file is cut short, fetch it again")
  }

  // MARK: Folders of something else

  @Test func `an adapter is refused as what it is`() throws {
    try shard("adapter_model.safetensors", "x")
    try scratch.write("adapter_config.json", "{}")
    #expect(
      try refusal()
        == "BASE is an adapter, not a base; give it as --adapter and the base's folder as --base")
  }

  /// Files of a folder, and why their format is not read.
  private static let foreign: [(names: [String], advice: String)] = [
    (
      ["consolidated.00.pth", "consolidated.01.pth"],
      "weights in Meta's own layout, with other names and another order of the heads than an "
        + "adapter's base; fetch the model's Hugging Face version, or convert it with "
        + "transformers' convert_llama_weights_to_hf.py"
    ),
    (
      ["consolidated.safetensors"],
      "weights in Mistral's own layout, with other names and another order of the heads than an "
        + "adapter's base; fetch the model's Hugging Face files, or convert it with "
        + "transformers' convert_mistral_weights_to_hf.py"
    ),
    (
      [".metadata", "__0_0.distcp"],
      "a distributed checkpoint of torch; make one file of it with `python -m "
        + "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER pytorch_model.bin`"
    ),
    (
      ["epoch=3.ckpt"],
      "a training checkpoint; save the model's state_dict of it as safetensors"
    ),
    (
      ["tf_model.h5"],
      "weights of TensorFlow; fetch the model's safetensors, or load it with from_tf=True in "
        + "transformers 4 and save it anew"
    ),
    (
      ["flax_model.msgpack"],
      "weights of Flax; fetch the model's safetensors, or load it with from_flax=True in "
        + "transformers 4 and save it anew"
    ),
    (
      ["model.Q4_K_M.ggml"],
      "one of llama.cpp's containers before GGUF; convert the model anew with its "
        + "convert_hf_to_gguf.py"
    ),
    (["model.onnx"], "a graph of ONNX; give the checkpoint it was exported from"),
    (
      ["rust_model.ot"],
      "which is neither safetensors nor saved by torch; convert it first, with transformers' "
        + "save_pretrained"
    ),
  ]

  @Test(arguments: foreign)
  func `weights in another format are refused by name`(names: [String], advice: String) throws {
    for name in names + ["params.json", "training_args.bin", "optimizer.pt"] {
      try scratch.write(name, "x")
    }
    try scratch.write("config.json", "{}")
    #expect(
      try refusal() == "BASE holds \(names.joined(separator: ", ")), not read: \(advice)")
  }

  @Test func `many files of another format are counted`() throws {
    for number in 1...6 { try scratch.write("consolidated.0\(number).pth", "x") }
    #expect(
      try refusal().hasPrefix(
        "BASE holds consolidated.01.pth, consolidated.02.pth, consolidated.03.pth, "
          + "consolidated.04.pth and 2 more, not read: weights in Meta's own layout, "))
  }

  @Test func `a broken file of torch is refused in its own words`() throws {
    try scratch.write("pytorch_model.bin", "x")
    #expect(
      try refusal()
        == "BASE/pytorch_model.bin cannot be read as weights saved by torch: it is neither a zip "
        + "nor a pickle that torch wrote; give a file that torch.save wrote, or safetensors")
  }

  @Test func `a set of torch's files that is not whole is refused`() throws {
    for number in [1, 3] { try scratch.write("pytorch_model-0000\(number)-of-00003.bin", "x") }
    #expect(
      try refusal()
        == "BASE lacks pytorch_model-00002-of-00003.bin: 2 of its set are there and no index says "
        + "otherwise; fetch the missing file")
  }

  @Test func `an empty folder is refused`() throws {
    #expect(
      try refusal()
        == "BASE holds no weights; a model.safetensors or an index with its shards is expected")
  }

  @Test func `a pipeline is refused with the folders of its parts`() throws {
    try scratch.write("model_index.json", "{}")
    for part in ["scheduler", "text_encoder", "unet"] {
      try scratch.write(part + "/config.json", "{}")
    }
    #expect(
      try refusal()
        == "BASE is a pipeline of several checkpoints; give one of its parts as --base: "
        + "BASE/text_encoder, BASE/unet")
  }

  @Test func `a path that does not exist is refused`() throws {
    #expect(
      try refusal(scratch("a/b/c"))
        == "BASE/a/b/c does not exist; give a folder, a file or a model's name")
  }

  @Test func `what the system refuses is passed on`() throws {
    try scratch.link("loop", to: "loop")
    #expect(
      try refusal(scratch("loop"))
        == "cannot inspect BASE/loop: Too many levels of symbolic links")
  }

  // MARK: Files beside the weights

  @Test func `a config that is no JSON is refused`() throws {
    try shard("model.safetensors", "x")
    try scratch.write("config.json", "{\"a\": 1,}")
    #expect(
      try refusal()
        == "BASE/config.json is not the JSON expected: a string expected at byte 8; "
        + "mend it or fetch it again")
  }

  @Test func `a side file that is a link to nothing is refused`() throws {
    try shard("model.safetensors", "x")
    try scratch.link("tokenizer.json", to: "../blobs/gone")
    #expect(
      try refusal() == "BASE/tokenizer.json leads to nothing; fetch the file or remove the link")
  }
}
