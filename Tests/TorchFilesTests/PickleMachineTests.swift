// Pickles that torch never writes. Each is refused, and nothing of it is run.
import Storage
import TestSupport
import Testing
import TorchFiles

struct PickleMachineTests {
  let scratch = Scratch()

  private func refusal(_ parts: [UInt8]...) throws -> String {
    try refusal(raw: [0x80, 2] + parts.joined() + [0x2E])
  }

  private func refusal(raw pickle: [UInt8]) throws -> String {
    try TorchFilesTests.refusal(of: SampleZip(pickle: pickle).bytes, in: scratch)
  }

  private func refusal(of tensor: [UInt8]) throws -> String {
    try refusal(SamplePickle.dict([("w", tensor)]))
  }

  // MARK: Names

  @Test(arguments: [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"),
    ("subprocess", "check_output"), ("builtins", "eval"), ("builtins", "exec"),
    ("__builtin__", "eval"), ("builtins", "getattr"), ("builtins", "__import__"),
    ("builtins", "open"), ("builtins", "compile"), ("builtins", "apply"), ("builtins", "map"),
    ("importlib", "import_module"), ("runpy", "_run_code"), ("pty", "spawn"), ("socket", "socket"),
    ("shutil", "rmtree"), ("webbrowser", "open"), ("operator", "attrgetter"),
    ("operator", "methodcaller"), ("functools", "partial"), ("timeit", "timeit"),
    ("pdb", "Pdb"), ("bdb", "Bdb"), ("asyncio", "run"), ("pickle", "loads"),
    ("_pickle", "loads"), ("torch", "load"), ("torch.serialization", "load"),
    ("torch.hub", "load"), ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("torch._dynamo.guards", "GuardBuilder.get"), ("torch.storage", "_load_from_bytes"),
    ("numpy.testing._private.utils", "runstring"), ("code", "InteractiveInterpreter"),
    ("types", "CodeType"), ("collections", "defaultdict"), ("collections", "OrderedDict.pop"),
    ("collections.abc", "OrderedDict"), ("", ""), ("torch", ""), ("torch", "nn"),
    ("torch.nn.modules.linear", "Linear"), ("argparse", "Namespace"), ("_codecs", "encode"),
  ])
  func `a name that is not in the list is refused, called or not`(
    module: String, name: String
  ) throws {
    let sentence =
      "its pickle names \"\(module).\(name)\", which is no part of plain weights and was not run"
      + Advice.load
    let global = SamplePickle.global(module, name)
    let word = SamplePickle.text("touch \(scratch("touched"))")
    #expect(try refusal(SamplePickle.call(global, word)) == sentence)
    #expect(try refusal(global) == sentence)
    #expect(
      try refusal(SamplePickle.dict([("w", SamplePickle.tensor()), ("x", global)])) == sentence)
    #expect(try FileStatus.of(scratch("touched")) == nil)
  }

  @Test func `a name that would act on a terminal is shown escaped and cut`() throws {
    let long = String(repeating: "x", count: 300)
    #expect(
      try refusal(SamplePickle.global("\u{1B}[2J", long))
        == "its pickle names \"\\u001b[2J.\(String(repeating: "x", count: 195))…\", "
        + "which is no part of plain weights and was not run" + Advice.load)
  }

  // MARK: Opcodes

  @Test(arguments: [
    (0x81, "NEWOBJ"), (0x92, "NEWOBJ_EX"), (0x69, "INST"), (0x6F, "OBJ"), (0x82, "EXT1"),
    (0x83, "EXT2"), (0x84, "EXT4"), (0x50, "PERSID"), (0x93, "STACK_GLOBAL"), (0x32, "DUP"),
    (0x30, "POP"), (0x31, "POP_MARK"), (0x67, "GET"), (0x70, "PUT"), (0x94, "MEMOIZE"),
    (0x95, "FRAME"), (0x8C, "SHORT_BINUNICODE"), (0x8D, "BINUNICODE8"), (0x8E, "BINBYTES8"),
    (0x42, "BINBYTES"), (0x43, "SHORT_BINBYTES"), (0x54, "BINSTRING"), (0x53, "STRING"),
    (0x56, "UNICODE"), (0x46, "FLOAT"), (0x49, "INT"), (0x4C, "LONG"), (0x8B, "LONG4"),
    (0x64, "DICT"), (0x6C, "LIST"), (0x8F, "EMPTY_SET"), (0x90, "ADDITEMS"), (0x91, "FROZENSET"),
    (0x96, "BYTEARRAY8"), (0x97, "NEXT_BUFFER"), (0x98, "READONLY_BUFFER"), (0x00, "0x00"),
    (0xFF, "0xff"),
  ])
  func `an opcode that torch has no need of is refused by name`(code: Int, name: String) throws {
    #expect(
      try refusal([0x7D, UInt8(code)], SamplePickle.text("x"))
        == "its pickle uses opcode \(name) at byte 3, which torch's weights have no need of"
        + Advice.load)
  }

  @Test func `a call of what is no function is refused`() throws {
    func sentence(_ found: String) -> String {
      "its pickle calls \(found), which is no function, and nothing was run" + Advice.load
    }
    #expect(try refusal(SamplePickle.text("os.system"), [0x29, 0x52]) == sentence("a text"))
    #expect(try refusal(SamplePickle.tensor(), [0x29, 0x52]) == sentence("a tensor"))
    #expect(
      try refusal(SamplePickle.call(SamplePickle.global("torch", "FloatStorage")))
        == sentence("a class or a constant"))
  }

  @Test func `a tensor with attributes is one, and no call makes another call`() throws {
    let function = SamplePickle.global("torch._utils", "_rebuild_tensor_v2")
    let attributed = SamplePickle.global("torch._tensor", "_rebuild_from_type_v2")
    let tensor = SamplePickle.global("torch", "Tensor")
    let arguments = SamplePickle.tuple(
      SamplePickle.storage(), SamplePickle.number(0), SamplePickle.numbers([2]),
      SamplePickle.numbers([1]))
    let state = SamplePickle.dict([("tag", [0x4E])])
    #expect(
      try refusal(of: SamplePickle.call(attributed, function, tensor, arguments, state)) == "taken")
    for (function, type, arguments) in [
      (attributed, tensor, arguments), (tensor, tensor, arguments),
      (function, function, arguments), (function, tensor, [0x4E]), (function, tensor, [0x29]),
    ] {
      #expect(
        try refusal(of: SamplePickle.call(attributed, function, type, arguments, state))
          .hasPrefix("its pickle makes no sense at byte "))
    }
  }

  @Test func `attributes are given to dicts alone`() throws {
    let state = SamplePickle.dict([("_metadata", [0x7D])])
    #expect(
      try refusal(SamplePickle.tensor(), state, [0x62])
        == "its pickle gives attributes to a tensor" + Advice.load)
    #expect(
      try refusal(
        SamplePickle.dict([("w", SamplePickle.tensor())]), SamplePickle.text("x"), [0x62])
        == "its pickle gives attributes to a dict" + Advice.load)
    #expect(try refusal(state, [0x62]) == "its pickle gives attributes to nothing" + Advice.load)
    #expect(
      try refusal(SamplePickle.dict([("w", SamplePickle.tensor())]), state, [0x62]) == "taken")
  }

  @Test func `a file whose pickle does not begin as one is refused`() throws {
    #expect(
      try refusal(raw: [0x7D, 0x2E]) == "its data.pkl does not begin as a pickle" + Advice.load)
    #expect(
      try refusal(raw: [0x80, 0x80, 0x2E]) == "a pickle of protocol 2 expected, 128 found"
        + Advice.load)
  }

  /// Programs whose opcode at `offset` does not find what it needs.
  private static let senseless: [(pickle: [UInt8], offset: Int)] = [
    ([], 2), ([0x28], 3), ([0x7D, 0x7D], 4), ([0x52], 2), ([0x4E, 0x52], 3), ([0x74], 2),
    ([0x85], 2), ([0x4E, 0x86], 3), ([0x4E, 0x28, 0x85], 4), ([0x61], 2), ([0x4E, 0x61], 3),
    ([0x4E, 0x4E, 0x61], 4), ([0x28, 0x65], 3), ([0x28, 0x75], 3), ([0x7D, 0x28, 0x4E, 0x75], 5),
    ([0x7D, 0x4E, 0x73], 4), ([0x4E, 0x4E, 0x4E, 0x73], 5), ([0x62], 2), ([0x71, 0], 2),
    ([0x4E, 0x28, 0x71, 0], 4), ([0x68, 0], 2), ([0x6A, 0xFF, 0xFF, 0xFF, 0xFF], 2), ([0x51], 2),
    ([0x4E, 0x51], 3), ([0x29, 0x51], 3), ([0x80, 2], 2), ([0x58, 1, 0, 0, 0, 0xFF], 2),
    ([0x55, 1, 0xC3], 2), (SamplePickle.global("collections", "OrderedDict") + [0x4E, 0x52], 28),
    (SamplePickle.call(SamplePickle.global("collections", "OrderedDict"), [0x4E]), 30),
    (SamplePickle.call(SamplePickle.global("torch", "Size"), [0x4E]), 17),
  ]

  @Test(arguments: senseless)
  func `what makes no sense is refused where it stands`(pickle: [UInt8], offset: Int) throws {
    #expect(
      try refusal(pickle) == "its pickle makes no sense at byte \(offset)" + Advice.distrust)
  }

  @Test func `a pickle cut short anywhere is refused`() throws {
    let whole = SamplePickle.program(
      SamplePickle.dict([("w", SamplePickle.tensor())]),
      [0x72, 1, 0, 0, 0, 0x4A, 1, 0, 0, 0, 0x55],
      [1, 0x78, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0x4D, 1, 1, 0x4B, 9])
    for count in 2..<(whole.count - 1) {
      #expect(
        try refusal(raw: Array(whole[..<count]))
          == "its pickle ends at byte \(count), before its STOP" + Advice.fetch, "\(count)")
    }
    #expect(
      try refusal([0x58, 0xFF, 0xFF, 0xFF, 0xFF])
        == "its pickle ends at byte 8, before its STOP" + Advice.fetch)
    #expect(
      try refusal([0x8A, 0xFF]) == "its pickle ends at byte 5, before its STOP" + Advice.fetch)
  }

  // MARK: Bombs

  @Test func `depth costs nothing: nothing here recurses`() throws {
    let deep = 300_000
    let lists = [UInt8](repeating: 0x5D, count: deep) + [UInt8](repeating: 0x61, count: deep - 1)
    #expect(try refusal(lists) == "a dict of tensors expected, a list found" + Advice.one)
    let tuples = [0x29] + [UInt8](repeating: 0x85, count: deep)
    #expect(try refusal(tuples) == "a dict of tensors expected, a tuple found" + Advice.one)
  }

  @Test func `a value that holds itself is only a place`() throws {
    #expect(
      try refusal([0x7D, 0x71, 0], SamplePickle.text("model"), [0x68, 0, 0x73])
        == "its dict holds no tensors, nor a dict of them named state_dict, model, module or "
        + "model_state_dict; its keys are \"model\"" + Advice.one)
    #expect(
      try refusal([0x5D, 0x71, 0, 0x68, 0, 0x61]) == "a dict of tensors expected, a list found"
        + Advice.one)
  }

  @Test func `a list of lists of lists stays as small as its text`() throws {
    // Sixty times a list of ten times the list before it: 10⁶⁰ elements if it were written out.
    var bomb: [UInt8] = [0x5D, 0x71, 0]
    for level in 0..<60 {
      bomb += [0x5D, 0x28]
      for _ in 0..<10 { bomb += [0x68, UInt8(level)] }
      bomb += [0x65, 0x71, UInt8(level + 1)]
    }
    #expect(
      try refusal([0x7D] + SamplePickle.text("x"), [0x28], bomb, [0x74, 0x73])
        == "its dict holds no tensors, nor a dict of them named state_dict, model, module or "
        + "model_state_dict; its keys are \"x\"" + Advice.one)
  }

  @Test func `more values than any checkpoint's are refused`() throws {
    #expect(
      try refusal([UInt8](repeating: 0x4E, count: 1_000_001))
        == "its pickle makes more values than any checkpoint's" + Advice.load)
  }

  @Test func `arguments of any size do not multiply`() throws {
    // A tuple of 200 000 numbers given to 20 000 tensors as their shape.
    let shape = [0x28] + [UInt8](repeating: 0x4E, count: 200_000) + [0x74, 0x71, 0]
    var calls: [UInt8] = []
    for _ in 0..<20_000 { calls += SamplePickle.global("torch", "Size") + [0x68, 0, 0x85, 0x52] }
    let clock = ContinuousClock()
    let start = clock.now
    #expect(
      try refusal([0x28], shape, calls, [0x74])
        == "a dict of tensors expected, a tuple found" + Advice.one)
    #expect(clock.now - start < .seconds(20))
    #expect(
      try refusal(
        shape,
        SamplePickle.call(
          SamplePickle.global("torch._utils", "_rebuild_tensor"), SamplePickle.storage(),
          SamplePickle.number(0), [0x68, 0], [0x68, 0])
      ).hasPrefix("its pickle makes no sense"))
  }

  // MARK: Tensors

  @Test func `a tensor may not leave its storage`() throws {
    func sentence(_ shape: [Int], _ strides: [Int], _ offset: Int) -> String {
      "tensor \"w\" (shape \(shape), strides \(strides), offset \(offset)) leaves its storage"
        + Advice.distrust
    }
    for (shape, strides, offset) in [
      ([4, 4], [4, 1], 1), ([17], [1], 0), ([1], [1], 16), ([1], [1], -1), ([-1], [1], 0),
      ([2], [-1], 1), ([2], [Int.max], 0), ([Int.max, Int.max], [0, 0], 0), ([1], [1], Int.max),
      ([1 << 41], [0], 0), ([1 << 40, 0, 1 << 40], [1, 1, 1], 0), ([0], [1], 17),
      ([2, 2], [8, 8], 0),
    ] {
      #expect(
        try refusal(of: SamplePickle.tensor(offset: offset, shape: shape, strides: strides))
          == sentence(shape, strides, offset))
    }
    for (shape, strides, offset) in [([4, 4], [4, 1], 0), ([1 << 20], [0], 15), ([0], [1], 16)] {
      #expect(
        try refusal(of: SamplePickle.tensor(offset: offset, shape: shape, strides: strides))
          == "taken")
    }
  }

  @Test func `storages that are missing, of another size or without a type are refused`() throws {
    #expect(
      try refusal(of: SamplePickle.tensor(SamplePickle.storage("../0")))
        == "the storage \"../0\" of tensor \"w\" is missing" + Advice.fetch)
    #expect(
      try refusal(of: SamplePickle.tensor(SamplePickle.storage(count: 15)))
        == "the storage \"0\" of tensor \"w\" takes 60 bytes, 64 found" + Advice.fetch)
    #expect(
      try refusal(of: SamplePickle.tensor(SamplePickle.storage(type: "UntypedStorage", count: 64)))
        == "tensor \"w\" is a tensor without an element type" + Advice.plain)
    #expect(
      try refusal(of: SamplePickle.tensor(SamplePickle.storage(type: "QInt8Storage", count: 64)))
        == "tensor \"w\" is of type qint8, which safetensors does not have" + Advice.plain)
    #expect(
      try refusal(of: SamplePickle.tensor(SamplePickle.storage(at: "meta")))
        == "tensor \"w\" is a tensor of the meta device, which has no values" + Advice.plain)
    for count in [-1, Int.max] {
      #expect(
        try refusal(of: SamplePickle.tensor(SamplePickle.storage(count: count)))
          .hasPrefix("its pickle makes no sense"))
    }
  }

  @Test func `a tensor twice in its dict is refused`() throws {
    #expect(
      try refusal(
        SamplePickle.dict([("w", SamplePickle.tensor()), ("w", SamplePickle.tensor())]))
        == "tensor \"w\" stands twice in its dict" + Advice.distrust)
  }

  @Test func `marks of a tensor are few`() throws {
    let marks = SamplePickle.dict((0..<9).map { ("\($0)", [0x89]) })
    #expect(
      try refusal(of: SamplePickle.tensor(metadata: marks)).hasPrefix("its pickle makes no sense"))
    let none = SamplePickle.dict([("conj", [0x89]), ("neg", [0x89])])
    #expect(try refusal(of: SamplePickle.tensor(metadata: none)) == "taken")
  }

  @Test func `a text of the oldest kind is a text`() throws {
    #expect(
      try refusal([0x7D, 0x55, 1, 0x77], SamplePickle.tensor(), [0x73]) == "taken")
  }
}
