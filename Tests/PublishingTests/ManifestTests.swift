import OrderedJSON
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Publishing

struct ManifestTests {
  private func manifest(_ merge: TinyOutput) throws -> Manifest {
    try merge.publish()
    return try OutputVerifier.manifest(of: merge.output)
  }

  @Test func `a manifest reads back equal and is valid JSON`() throws {
    let merge = try TinyOutput()
    let manifest = try manifest(merge)
    #expect(try Manifest.decode(manifest.encode()) == manifest)
    #expect(try merge.read("shardweld.json") == manifest.encode())
    let tree = try JSON(parsing: manifest.encode())
    #expect(tree["contract"]?.text == "f32-once")
    #expect(tree["tool"]?.text == "shardweld 0")
  }

  @Test func `a manifest names the contract of its numbers and no other`() throws {
    var manifest = try manifest(try TinyOutput())
    manifest.options.accumulation = .f64
    let bytes = manifest.encode()
    #expect(try JSON(parsing: bytes)["contract"]?.text == "f64-once")
    #expect(try Manifest.decode(bytes) == manifest)
    let text = String(decoding: bytes, as: UTF8.self)
    let error = #expect(throws: PlanError.self) {
      try Manifest.decode(Array(text.replacing("f64-once", with: "f32-once").utf8))
    }
    #expect(error?.sentence == #"member "contract" cannot be f32-once"#)
  }

  @Test func `a manifest tells what was merged into what`() throws {
    let merge = try TinyOutput()
    let manifest = try manifest(merge)
    #expect(manifest.base.map(\.name) == ["model.safetensors"])
    #expect(manifest.adapters.map(\.name) == ["lora"])
    #expect(manifest.adapters[0].strength == 0.5)
    #expect(manifest.adapters[0].files == [merge.adapterFile])
    #expect(
      manifest.files.map(\.name) == [
        "code/model.py", "config.json", "model.safetensors.index.json", "tokenizer.json",
      ])
    let tensor = manifest.shards[0].tensors[0]
    #expect(tensor.name == "z.weight")
    #expect(tensor.updates == [.init(adapter: 0, text: "add × 1.0 (alpha 16 / r 8) from b")])
    #expect(tensor.sourceDigest == Digest.xxh3("source z.weight").description)
    #expect(manifest.shards[0].tensors[1].updates.isEmpty)
  }

  @Test func `a manifest keeps the rules for single modules`() throws {
    var manifest = try manifest(try TinyOutput())
    manifest.options.selection.scales = [try ModuleScale("layers.0-15=0.5")]
    manifest.options.selection.only = [try ModuleSelector("mlp")]
    manifest.options.selection.except = [try ModuleSelector("1:lm_head")]
    let tree = try JSON(parsing: manifest.encode())
    #expect(tree["options"]?["scale"]?.elements?.map(\.text) == ["layers.0-15=0.5"])
    #expect(tree["options"]?["only"]?.elements?.map(\.text) == ["mlp"])
    #expect(tree["options"]?["except"]?.elements?.map(\.text) == ["1:lm_head"])
    #expect(try Manifest.decode(manifest.encode()) == manifest)
  }

  @Test func `an adapter merged before is known by its files' digests`() throws {
    let first = try TinyOutput()
    let base = try manifest(first)
    let digest = first.adapterFile.digest
    #expect(base.carries(adapterDigests: ["xxh3:0", digest]))
    #expect(!base.carries(adapterDigests: [Digest.xxh3("another").description]))
    #expect(!base.carries(adapterDigests: []))
    // And through a second merge on top of the first.
    let second = try TinyOutput()
    try second.place()
    _ = try second.publication(baseManifest: base)
      .finish(commits: second.commits, overwrite: false)
    let top = try OutputVerifier.manifest(of: second.output)
    #expect(top.earlierAdapters == base.adapters)
    #expect(top.adapter(carrying: [digest])?.name == "lora")
  }

  @Test(arguments: [
    (
      #""name":"tokenizer.json""#, #""name":"../../etc/x""#,
      #"member "name" cannot be "../../etc/x""#
    ),
    (
      #""shape":[2,3]"#, #""shape":[4611686018427387904,3]"#,
      #"member "shape" cannot be [4611686018427387904, 3]"#
    ),
    (
      #""manifest":1"#, #""manifest":9"#,
      "written in format 9, this shardweld reads format 1; use the same version of shardweld "
        + "everywhere"
    ),
    ("\"earlierAdapters\":[],\n", "", #"member "earlierAdapters" is missing"#),
  ])
  func `a manifest with something impossible is refused`(
    text: String, damage: String, sentence: String
  ) throws {
    let merge = try TinyOutput()
    let whole = try String(decoding: manifest(merge).encode(), as: UTF8.self)
    let range = try #require(whole.firstRange(of: text))
    let damaged = whole.replacingCharacters(in: range, with: damage)
    let error = #expect(throws: PlanError.self) { try Manifest.decode(Array(damaged.utf8)) }
    #expect(error?.sentence == sentence)
  }

  /// Numbers whose sums no 63 bits hold, and preludes that do not fit their file.
  private static let sizes: [(Int, Int, Int, [Int], String?)] = [
    (
      (1 << 62) - 2, (1 << 62) - 2, 31, [(1 << 60) - 1, (1 << 60) - 1, (1 << 60) - 1, 1 << 59],
      "member \"byteCount\" cannot be 4611686018427387902, less than its parts'"
    ),
    (96, 97, 5, [], "member \"byteCount\" cannot be 96, less than its parts'"),
    (96, 32, 5, [40, 24], "member \"prelude\" cannot be tensors that end behind the file"),
    (128, 32, 6, [40], nil), (1 << 62, 0, 5, [], "member \"byteCount\" cannot be \(1 << 62)"),
  ]

  @Test(arguments: sizes)
  func `a prelude has its place in the file's size`(
    byteCount: Int, prelude: Int, alignment: Int, tensors: [Int], sentence: String?
  ) throws {
    var manifest = try manifest(try TinyOutput())
    let tensor = manifest.shards[0].tensors[0]
    manifest.shards = [
      Manifest.Shard(
        name: "m.gguf", byteCount: Int64(byteCount), digest: tensor.digest,
        tensors: tensors.map { count in
          var own = tensor
          (own.dtype, own.shape) = (.u8, [count])
          return own
        },
        prelude: Manifest.Prelude(
          byteCount: Int64(prelude), digest: tensor.digest, alignment: 1 << alignment))
    ]
    do throws(PlanError) {
      #expect(try Manifest.decode(manifest.encode()) == manifest && sentence == nil)
    } catch {
      #expect(error.sentence == sentence)
    }
  }

  @Test(arguments: [
    "headerDigest", "kind", "configDigest", "byteCount", "dtype", "shape", "source",
  ])
  func `a manifest with a part left out is refused`(member: String) throws {
    let merge = try TinyOutput()
    let whole = try String(decoding: manifest(merge).encode(), as: UTF8.self)
    let part = try Regex(#","\#(member)":("[^"]*"|\[[^\]]*\]|\d+)"#)
    let range = try #require(whole.firstRange(of: part))
    let damaged = whole.replacingCharacters(in: range, with: "")
    let error = #expect(throws: PlanError.self) { try Manifest.decode(Array(damaged.utf8)) }
    #expect(error?.sentence == "member \"\(member)\" is missing")
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
    self[..<range.lowerBound] + text + self[range.upperBound...]
  }
}
