// Sets of files: gguf-py's own, and some that contradict themselves.
import GGUF
import Storage
import TestSupport
import Testing

struct GGUFModelTests {
  let scratch = Scratch()

  private func refusal(_ name: String) -> String {
    do throws(GGUFError) {
      _ = try GGUFModel.read(scratch(name))
      return "taken"
    } catch { return error.sentence.replacing(scratch.path + "/", with: "") }
  }

  private func part(_ number: Int, of count: Int, tensors: Int, holds: [String]) -> [UInt8] {
    var sample = SampleGGUF()
    sample.fields += [
      SampleGGUF.field("split.no", 2, SampleGGUF.number(UInt64(number), 2)),
      SampleGGUF.field("split.count", 2, SampleGGUF.number(UInt64(count), 2)),
      SampleGGUF.field("split.tensors.count", 5, SampleGGUF.number(UInt64(tensors), 4)),
    ]
    sample.tensors = holds.enumerated().map {
      SampleGGUF.tensor($1, [8], offset: UInt64($0 * 32))
    }
    sample.data = [UInt8](repeating: 0, count: holds.count * 32)
    return sample.bytes
  }

  @Test(arguments: 1...3)
  func `a set is read whole from any of its files`(number: Int) throws {
    let model = try GGUFModel.read(GGUFFixture.folder + "/split-0000\(number)-of-00003.gguf")
    #expect(model.files.map(\.tensors.count) == [0, 1, 1])
    #expect(model.files.flatMap(\.tensors).map(\.name) == ["a", "b"])
    #expect(model["general.architecture"]?.text == "llama")
    #expect(model.fields == model.files[0].fields)
  }

  @Test func `a file that does not count itself is a model of its own`() throws {
    let model = try GGUFModel.read(GGUFFixture.folder + "/plain.gguf")
    #expect(model.files.count == 1)
  }

  @Test func `sets that are not whole or do not fit together are refused`() throws {
    let again = "; fetch the files of one set again"
    try scratch.write("m-00001-of-00002.gguf", part(0, of: 2, tensors: 2, holds: ["a"]))
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00001-of-00002.gguf is one of several files, and m-00002-of-00002.gguf is not there; "
        + "fetch the missing file")
    try scratch.write("m-00002-of-00002.gguf", part(1, of: 2, tensors: 2, holds: ["b"]))
    #expect(refusal("m-00001-of-00002.gguf") == "taken")
    try scratch.write("m-00002-of-00002.gguf", part(0, of: 2, tensors: 2, holds: ["b"]))
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00002-of-00002.gguf has split.no 0, 1 expected" + again)
    try scratch.write("m-00002-of-00002.gguf", part(1, of: 3, tensors: 2, holds: ["b"]))
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00002-of-00002.gguf has split.count 3, 2 expected" + again)
    try scratch.write("m-00002-of-00002.gguf", part(1, of: 2, tensors: 2, holds: ["b", "c"]))
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00001-of-00002.gguf has split.tensors.count 2, 3 expected" + again)
    try scratch.write("m-00002-of-00002.gguf", part(1, of: 2, tensors: 2, holds: ["a"]))
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00002-of-00002.gguf holds tensor \"a\", and so does m-00001-of-00002.gguf" + again)
    try scratch.write("m-00002-of-00002.gguf", SampleGGUF.sample.bytes)
    #expect(
      refusal("m-00001-of-00002.gguf")
        == "m-00002-of-00002.gguf has split.no 0, 1 expected" + again)
    try scratch.write("n-00001-of-00001.gguf", SampleGGUF().header)
    #expect(
      refusal("n-00001-of-00001.gguf")
        == "n-00001-of-00001.gguf has split.no missing, 0 expected" + again)
    try scratch.write("other.gguf", part(0, of: 2, tensors: 2, holds: ["a"]))
    #expect(
      refusal("other.gguf")
        == "other.gguf is one of 2 files, and its name does not count them as llama.cpp does; "
        + "give the files the names that llama-gguf-split gave them")
    #expect(refusal("gone.gguf") == "cannot open gone.gguf: No such file or directory")
  }
}
