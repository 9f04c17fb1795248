// Files that gguf-py itself wrote.
import GGUF
import Storage
import TestSupport
import Testing

struct GGUFFileTests {
  let scratch = Scratch()

  @Test func `metadata of every type is what gguf-py was given`() throws {
    let file = try GGUFFile.read(GGUFFixture.folder + "/plain.gguf")
    #expect(file.version == 3)
    let expected: [(String, GGUFValue)] = [
      ("general.architecture", .string("llama")), ("general.name", .string("A small model")),
      ("sample.uint8", .unsigned(200)), ("sample.int8", .signed(-100)),
      ("sample.uint16", .unsigned(60_000)), ("sample.int16", .signed(-30_000)),
      ("sample.uint32", .unsigned(4_000_000_000)), ("sample.int32", .signed(-2_000_000_000)),
      ("sample.uint64", .unsigned(.max)), ("sample.int64", .signed(.min)),
      ("sample.float32", .float(Double(Float(1e-5)))), ("sample.float64", .float(1e-300)),
      ("sample.bool", .bool(true)), ("sample.texts", .array(of: .string, count: 3)),
      ("sample.numbers", .array(of: .int32, count: 3)),
      ("sample.halves", .array(of: .float32, count: 2)),
      ("sample.flags", .array(of: .bool, count: 2)),
    ]
    #expect(file.fields.map(\.key) == expected.map(\.0))
    for (key, value) in expected { #expect(file[key] == value, "\(key)") }
    func elements(_ key: String) throws -> [GGUFValue] {
      try #require(file.fields.first { $0.key == key }).elements()
    }
    #expect(try elements("sample.texts") == [.string("a"), .string(""), .string("ä\n")])
    #expect(try elements("sample.numbers") == [.signed(3), .signed(-4), .signed(5)])
    #expect(try elements("sample.halves") == [.float(0.5), .float(1.5)])
    #expect(try elements("sample.flags") == [.bool(true), .bool(false)])
    #expect(try elements("sample.bool") == [])
  }

  @Test func `tensors have rows before columns, and places in the file`() throws {
    let path = GGUFFixture.folder + "/plain.gguf"
    let file = try GGUFFile.read(path)
    #expect(
      file.tensors.map(\.name) == [
        "token_embd.weight", "blk.0.attn_norm.weight", "blk.0.ffn_up.weight",
        "blk.1.ffn_up.weight", "experts",
      ])
    #expect(file.tensors.map(\.shape) == [[6, 32], [5], [4, 64], [4, 64], [2, 3, 4]])
    #expect(file.tensors.map(\.type.name) == ["F16", "F32", "Q4_0", "Q4_0", "F32"])
    #expect(
      file.tensors.map(\.byteRange) == [0..<384, 384..<404, 416..<560, 576..<720, 736..<832])
    #expect(file.dataOffset % 32 == 0 && file.dataOffset + 832 == file.fileByteCount)
    let norm = try File.open(path).read(count: 20, at: file.dataOffset + 384)
    #expect(norm == (0..<5).flatMap { _ in [0, 0, 0x80, 0x3F] })
  }

  @Test func `metadata stands as its bytes, end to end`() throws {
    let path = GGUFFixture.folder + "/plain.gguf"
    let file = try GGUFFile.read(path)
    let rebuilt = file.fields.flatMap { field in
      SampleGGUF.field(field.key, UInt64(field.type.rawValue), field.bytes)
    }
    let whole = try WholeFile.read(path)
    #expect(whole.dropFirst(24).starts(with: rebuilt))
  }

  @Test func `version 2 is read alike, and bytes behind the tensors are let pass`() throws {
    var sample = SampleGGUF.sample
    sample.version = 2
    sample.data += [1, 2, 3]
    let file = try GGUFFile.read(try scratch.write("a.gguf", sample.bytes))
    #expect(file.version == 2 && file.tensors.count == 2)
    #expect(file["a.wide"] == .float(1) && file["a.list"]?.text == nil)
  }

  @Test func `a file of metadata alone need not reach the alignment`() throws {
    let file = try GGUFFile.read(try scratch.write("a.gguf", SampleGGUF().header))
    #expect(file.tensors.isEmpty && file["general.architecture"]?.text == "llama")
  }

  @Test func `another alignment moves the data`() throws {
    var sample = SampleGGUF()
    sample.fields = [SampleGGUF.field("general.alignment", 4, SampleGGUF.number(128, 4))]
    sample.alignment = 128
    sample.tensors = [
      SampleGGUF.tensor("a", [1]), SampleGGUF.tensor("b", [1], offset: 128),
    ]
    sample.data = [UInt8](repeating: 0, count: 132)
    let file = try GGUFFile.read(try scratch.write("a.gguf", sample.bytes))
    #expect(file.alignment == 128 && file.dataOffset % 128 == 0)
    #expect(file.tensors.map(\.byteRange) == [0..<4, 128..<132])
  }

  @Test func `a file is known by its header`() throws {
    var sample = SampleGGUF.sample
    let one = try GGUFFile.read(try scratch.write("a.gguf", sample.bytes))
    sample.data[0] = 9
    let same = try GGUFFile.read(try scratch.write("b.gguf", sample.bytes))
    sample.fields[0] = SampleGGUF.field("general.architecture", 8, SampleGGUF.text("gemma"))
    let other = try GGUFFile.read(try scratch.write("c.gguf", sample.bytes))
    #expect(one.digest == same.digest && one.digest != other.digest)
  }

  @Test func `every prefix of a file is refused with a sentence`() throws {
    let bytes = SampleGGUF.sample.bytes
    for count in bytes.indices {
      let path = scratch("cut.gguf")
      try Folder.removeTree(path)
      let file = try File.create(path)
      try file.write(Array(bytes[..<count]), at: 0)
      try file.close()
      #expect(throws: GGUFError.self, "\(count)") { try GGUFFile.read(path) }
    }
  }

  @Test func `no byte of a header can be changed so that a tensor leaves the file`() throws {
    let bytes = SampleGGUF.sample.bytes
    let header = SampleGGUF.sample.header.count
    let path = scratch("changed.gguf")
    var taken = 0
    for place in 0..<header {
      for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
        var changed = bytes
        changed[place] = value
        try Folder.removeTree(path)
        let file = try File.create(path)
        try file.write(changed, at: 0)
        try file.close()
        do throws(GGUFError) {
          let found = try GGUFFile.read(path)
          for field in found.fields { _ = (field.value, field.elements()) }
          let end = found.tensors.last?.byteRange.upperBound ?? 0
          #expect(found.dataOffset + end <= found.fileByteCount)
          taken += 1
        } catch {
          #expect(!error.sentence.isEmpty)
        }
      }
    }
    // Names and values may be others; counts, sizes and types may not.
    #expect(taken > 100 && taken < 5 * header - 500)
  }
}
