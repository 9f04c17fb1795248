import Checkpoints
import OrderedJSON
import Safetensors
import Storage
import TestSupport
import Testing

struct HubCacheTests {
  let scratch = Scratch()

  private func cached(_ repository: String, commit: String = "c0ffee") throws {
    let model = [SampleTensor("x", .f32, [1])]
    try scratch.write("\(repository)/snapshots/\(commit)/model.safetensors", model)
    try scratch.write("\(repository)/refs/main", commit)
  }

  @Test func `a model's name opens its main snapshot`() throws {
    try cached("models--Qwen--Qwen2.5-0.5B")
    let base = try Checkpoint.open("Qwen/Qwen2.5-0.5B", cache: scratch.path)
    #expect(base.path == scratch("models--Qwen--Qwen2.5-0.5B/snapshots/c0ffee"))
    #expect(base.tensors.map(\.name) == ["x"])
  }

  @Test func `a name without an organisation is a name too`() throws {
    try cached("models--gpt2-of-a-test")
    #expect(try Checkpoint.open("gpt2-of-a-test", cache: scratch.path).shards.count == 1)
  }

  @Test func `a cached model's own folder opens its snapshot`() throws {
    try cached("models--a--b", commit: "f00")
    let base = try Checkpoint.open(scratch("models--a--b"))
    #expect(base.path == scratch("models--a--b/snapshots/f00"))
  }

  @Test func `a name that is not cached is refused`() throws {
    let error = #expect(throws: CheckpointError.self) {
      _ = try Checkpoint.open("org/none-of-this-name", cache: scratch.path)
    }
    #expect(
      error?.sentence
        == "org/none-of-this-name is no folder here and no model in the Hugging Face cache "
        + "\(scratch.path); fetch it with `hf download org/none-of-this-name`")
  }

  @Test(arguments: ["", "../../etc", ".."])
  func `a reference that is no commit is refused`(text: String) throws {
    try scratch.write("models--a--b/refs/main", text)
    let error = #expect(throws: CheckpointError.self) {
      _ = try Checkpoint.open("a/b", cache: scratch.path)
    }
    #expect(
      error?.sentence
        == "\(scratch("models--a--b/refs/main")) does not name a snapshot; "
        + "fetch the model again, or give its folder")
  }

  @Test func `a snapshot that is gone is refused`() throws {
    try scratch.write("models--a--b/refs/main", "c0ffee")
    let error = #expect(throws: CheckpointError.self) {
      _ = try Checkpoint.open("a/b", cache: scratch.path)
    }
    #expect(error == .notFound(path: scratch("models--a--b/snapshots/c0ffee")))
  }

  @Test(arguments: ["a/b/c", "../b", "a/..", "/a/b", "a b/c", "", "a/", "~/b", "-a/b"])
  func `what is no model's name is not looked for`(name: String) {
    #expect(HubCache.repository(named: name) == nil)
  }

  @Test func `the environment says where the cache is`() {
    let home = ["HOME": "/h"]
    #expect(HubCache.folder { home[$0] } == "/h/.cache/huggingface/hub")
    #expect(
      HubCache.folder { home.merging(["XDG_CACHE_HOME": "/x"]) { $1 }[$0] } == "/x/huggingface/hub")
    #expect(HubCache.folder { ["HOME": "/h", "HF_HOME": "/f"][$0] } == "/f/hub")
    #expect(HubCache.folder { ["HF_HOME": "/f", "HF_HUB_CACHE": "/c"][$0] } == "/c")
  }
}
