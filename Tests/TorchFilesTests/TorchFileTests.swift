// Files that torch itself wrote.
import Safetensors
import Storage
import TestSupport
import Testing
import TorchFiles

struct TorchFileTests {
  let scratch = Scratch()

  @Test(arguments: [
    "types", "types-old", "packed", "layouts", "layouts-old", "ordered", "training",
  ])
  func `tensors are those that torch saved, whatever their type and layout`(name: String) throws {
    let path = TorchFixture.folder + "/files/\(name)"
    let found = try TorchFile.read(path + ".pth")
    let expected = try ShardHeader.read(path + ".safetensors")
    #expect(found.tensors.map(\.name).sorted() == expected.tensors.map(\.name).sorted())
    #expect(found.metadata.isEmpty && found.headerByteCount == 0)
    for tensor in expected.tensors {
      let own = try #require(found.tensors.first { $0.name == tensor.name })
      #expect(own.dtype == tensor.dtype && own.shape == tensor.shape, "\(tensor.name)")
      #expect(
        try TorchFixture.bytes(of: own, in: found) == TorchFixture.bytes(of: tensor, in: expected),
        "\(tensor.name)")
    }
  }

  @Test func `tensors come in the dict's order, and in the order of safetensors' writer if asked`()
    throws
  {
    let path = TorchFixture.folder + "/files/types"
    let found = try TorchFile.read(path + ".pth")
    #expect(found.tensors.prefix(3).map(\.name) == ["bool", "uint8", "int8"])
    #expect(
      found.inWritingOrder.tensors.map(\.name)
        == (try ShardHeader.read(path + ".safetensors")).tensors.map(\.name))
  }

  @Test func `equal parts of a storage have equal places, and only what lies apart has a view`()
    throws
  {
    let header = try TorchFile.read(TorchFixture.folder + "/files/layouts.pth")
    let ranges = Dictionary(uniqueKeysWithValues: header.tensors.map { ($0.name, $0.byteRange) })
    #expect(ranges["whole"] == ranges["alias"])
    let strided = header.tensors.filter { $0.byteRange.lowerBound >= header.fileByteCount }
    #expect(
      Set(strided.map(\.name)) == [
        "columns", "every-other", "permuted", "transposed", "transposed-bf16", "expanded",
        "diagonal", "channels-last", "fp8-transposed", "tensor-with-state",
      ])
    #expect(header.views.count == strided.count)
  }

  @Test func `a file is known by what describes its tensors`() throws {
    let bytes = try WholeFile.read(TorchFixture.folder + "/files/ordered.pth")
    let header = try TorchFile.read(try scratch.write("one.pth", bytes))
    let again = try TorchFile.read(try scratch.write("two.pth", bytes))
    #expect(header.digest == again.digest)
    let other = try TorchFile.read(TorchFixture.folder + "/files/training.pth")
    #expect(header.digest != other.digest && header.tensors.count == other.tensors.count)
  }

  /// Name, what is found and the advice.
  private static let refused: [(String, String, String)] = [
    ("quantised", "tensor \"a\" is a quantised tensor", Advice.plain),
    ("sparse", "tensor \"a\" is a sparse tensor", Advice.plain),
    ("sparse-csr", "tensor \"a\" is a sparse tensor", Advice.plain),
    ("meta", "tensor \"a\" is a tensor of the meta device, which has no values", Advice.plain),
    ("nested", "tensor \"a\" is a nested tensor", Advice.plain),
    ("subclass", named("__main__.Sub"), Advice.load),
    (
      "complex128", "tensor \"a\" is of type complex128, which safetensors does not have",
      Advice.plain
    ),
    (
      "complex32", "tensor \"a\" is of type complex32, which safetensors does not have",
      Advice.plain
    ),
    ("conj", "tensor \"a\" is a tensor marked conj", Advice.plain),
    ("neg", "tensor \"a\" is a tensor marked neg", Advice.plain),
    ("module", named("torch.nn.modules.linear.Linear"), Advice.load),
    ("tensor", "a dict of tensors expected, a tensor found", Advice.one),
    ("list", "a dict of tensors expected, a list found", Advice.one),
    ("mixed", "a tensor expected as \"step\", a number found", Advice.one),
    ("numbered", "a text expected as each tensor's name, a number found", Advice.one),
    ("two-dicts", "it holds several dicts of tensors: \"state_dict\", \"model\"", Advice.one),
    ("elsewhere", "\(noTensors)\"ema\", \"epoch\"", Advice.one),
    ("nothing", "its dict is empty", Advice.one),
    ("function", named("posix.system"), Advice.load),
    ("set", named("__builtin__.set"), Advice.load),
    ("protocol4", "a pickle of protocol 2 expected, 4 found", Advice.load),
    ("script", "it is a TorchScript program (constants.pkl), not weights alone", Advice.load),
  ]

  private static let noTensors =
    "its dict holds no tensors, nor a dict of them named state_dict, model, module or "
    + "model_state_dict; its keys are "

  private static func named(_ name: String) -> String {
    "its pickle names \"\(name)\", which is no part of plain weights and was not run"
  }

  @Test(arguments: refused)
  func `what torch saves and safetensors cannot hold is refused by name`(
    name: String, finding: String, advice: String
  ) {
    #expect(refusal(of: TorchFixture.folder + "/refused/\(name).pth") == finding + advice)
  }

  @Test func `the table of refusals holds every file`() throws {
    let files = try Folder.list(TorchFixture.folder + "/refused")
    #expect(files == Self.refused.map { $0.0 + ".pth" }.sorted())
  }

  @Test(arguments: ["types", "types-old", "layouts-old", "training"])
  func `a file cut short anywhere is refused`(name: String) throws {
    let bytes = try WholeFile.read(TorchFixture.folder + "/files/\(name).pth")
    for count in 0..<bytes.count {
      #expect(try refusal(of: Array(bytes[..<count]), in: scratch) != "taken", "\(count)")
    }
  }

  @Test(arguments: ["ordered", "layouts-old"])
  func `a file with any byte changed is taken or refused`(name: String) throws {
    let bytes = try WholeFile.read(TorchFixture.folder + "/files/\(name).pth")
    var refusedCount = 0
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1 << (index % 8)
      if try refusal(of: changed, in: scratch) != "taken" { refusedCount += 1 }
    }
    #expect(refusedCount > 100)
  }

  @Test func `what the system refuses is passed on`() {
    #expect(
      refusal(of: scratch("gone.pth"))
        == "cannot open \(scratch("gone.pth")): No such file or directory")
  }
}
