// The manifest from its text, strictly: a name that leaves the output's folder, or a shape that no
// memory holds, is refused here, so that no later step meets it.
import OrderedJSON
package import Planning
import Safetensors
import Storage

extension Manifest {
  /// Reads a manifest and checks that its parts agree with its own digests.
  package static func decode(_ bytes: [UInt8]) throws(PlanError) -> Manifest {
    var manifest = Manifest(
      tool: "", options: MergeOptions(), base: [], adapters: [], earlierAdapters: [], files: [],
      shards: [])
    var (contract, output, own) = ("", "", "")
    var missing = RequiredMembers([
      "manifest", "tool", "contract", "output", "options", "base", "adapters",
      "earlierAdapters", "files", "shards", "digest",
    ])
    var reader = try JSONReader.of(bytes)
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "manifest":
        let found = try reader.count(key)
        guard found == format else { throw .version(found: found, expected: format) }
      case "tool": manifest.tool = try reader.text()
      case "contract": contract = try reader.text()
      case "output": output = try reader.digest(key)
      case "options": manifest.options = try PlanCodec.readOptions(&reader)
      case "base":
        manifest.base = try reader.list { r throws(PlanError) in try readBase(&r) }
      case "adapters":
        manifest.adapters = try reader.list { r throws(PlanError) in try readAdapter(&r) }
      case "earlierAdapters":
        manifest.earlierAdapters = try reader.list { r throws(PlanError) in
          try readAdapter(&r)
        }
      case "files":
        manifest.files = try reader.list { r throws(PlanError) in try readFile(&r) }
      case "shards":
        manifest.shards = try reader.list { r throws(PlanError) in try readShard(&r) }
      case "digest": own = try reader.digest(key)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    try reader.end()
    guard contract == manifest.options.accumulation.contract else {
      throw .invalid(member: "contract", found: contract)
    }
    guard output == manifest.outputDigest else {
      throw .invalid(member: "output", found: "\(output), its files give \(manifest.outputDigest)")
    }
    let found = Digest.xxh3(Array(bytes.dropLast(ending(own).utf8.count))).description
    guard own == found else {
      throw .invalid(member: "digest", found: "\(own), its text gives \(found)")
    }
    return manifest
  }

  private static func readBase(_ reader: inout JSONReader) throws(PlanError) -> BaseShard {
    var shard = BaseShard(name: "", byteCount: 0, headerDigest: "")
    var missing = RequiredMembers(["name", "byteCount", "headerDigest"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": shard.name = try reader.text()
      case "byteCount": shard.byteCount = try reader.size(key)
      case "headerDigest": shard.headerDigest = try reader.text()
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return shard
  }

  private static func readAdapter(_ reader: inout JSONReader) throws(PlanError) -> Adapter {
    var adapter = Adapter(name: "", kind: "", strength: 1, configDigest: "", files: [])
    var missing = RequiredMembers(["name", "kind", "strength", "configDigest", "files"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": adapter.name = try reader.text()
      case "kind": adapter.kind = try reader.text()
      case "strength": adapter.strength = try reader.double(key)
      case "configDigest": adapter.configDigest = try reader.text()
      case "files":
        adapter.files = try reader.list { r throws(PlanError) in try readFile(&r) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return adapter
  }

  private static func readFile(_ reader: inout JSONReader) throws(PlanError) -> FileDigest {
    var file = FileDigest(name: "", byteCount: 0, digest: "")
    var missing = RequiredMembers(["name", "byteCount", "digest"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": file.name = try readName(&reader)
      case "byteCount": file.byteCount = try reader.size(key)
      case "digest": file.digest = try reader.digest(key)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return file
  }

  private static func readShard(_ reader: inout JSONReader) throws(PlanError) -> Shard {
    var shard = Shard(name: "", byteCount: 0, digest: "", tensors: [])
    var missing = RequiredMembers(["name", "byteCount", "digest", "tensors"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": shard.name = try readName(&reader)
      case "byteCount": shard.byteCount = try reader.size(key)
      case "digest": shard.digest = try reader.digest(key)
      case "prelude": shard.prelude = try readPrelude(&reader)
      case "tensors":
        shard.tensors = try reader.list { r throws(PlanError) in try readTensor(&r) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    // What `ranges` adds up stays far below what Int64 holds.
    guard shard.byteCount < .max >> 1 else {
      throw .invalid(member: "byteCount", found: "\(shard.byteCount)")
    }
    var total: Int64 = 0
    for byteCount in [shard.prelude?.byteCount ?? 0] + shard.tensors.map(\.byteCount) {
      let (sum, overflow) = total.addingReportingOverflow(byteCount)
      guard !overflow, sum <= shard.byteCount else {
        throw .invalid(member: "byteCount", found: "\(shard.byteCount), less than its parts'")
      }
      total = sum
    }
    guard (shard.ranges.last?.upperBound ?? 0) <= shard.byteCount else {
      throw .invalid(member: "prelude", found: "tensors that end behind the file")
    }
    return shard
  }

  private static func readPrelude(
    _ reader: inout JSONReader
  ) throws(PlanError) -> Manifest.Prelude {
    var prelude = Manifest.Prelude(byteCount: 0, digest: "", alignment: 1)
    var missing = RequiredMembers(["byteCount", "digest", "alignment"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "byteCount": prelude.byteCount = try reader.size(key)
      case "digest": prelude.digest = try reader.digest(key)
      case "alignment": prelude.alignment = try reader.alignment(key)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return prelude
  }

  private static func readTensor(_ reader: inout JSONReader) throws(PlanError) -> Tensor {
    var tensor = Tensor(
      name: "", dtype: .u8, shape: [], digest: "", sourceDigest: "", updates: [])
    var missing = RequiredMembers(["name", "dtype", "shape", "digest", "source"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": tensor.name = try reader.text()
      case "dtype": tensor.dtype = try reader.choice(key)
      case "shape": tensor.shape = try reader.list { r throws(PlanError) in try r.count(key) }
      case "digest": tensor.digest = try reader.digest(key)
      case "source": tensor.sourceDigest = try reader.digest(key)
      case "dequantizedFrom": tensor.dequantizedFrom = try reader.text()
      case "requantized": tensor.requantized = try reader.choice(key)
      case "valueShape":
        tensor.valueShape = try reader.list { r throws(PlanError) in try r.count(key) }
      case "updates":
        tensor.updates = try reader.list { r throws(PlanError) in try readOrigin(&r) }
      case "statistics": tensor.statistics = try UpdateStatistics.read(from: &reader)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    let bitCount = try product(tensor.shape, "shape", from: tensor.dtype.bitCount)
    guard bitCount % 8 == 0 else { throw .invalid(member: "shape", found: "\(tensor.shape)") }
    _ = try product(tensor.valueShape ?? [], "valueShape", from: 1)
    return tensor
  }

  /// Refuses a shape that no file could hold.
  private static func product(
    _ shape: [Int], _ member: String, from first: Int
  ) throws(PlanError) -> Int {
    var all = first
    for extent in shape {
      let (product, overflow) = all.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw .invalid(member: member, found: "\(shape)") }
      all = product
    }
    return all
  }

  private static func readOrigin(_ reader: inout JSONReader) throws(PlanError) -> Origin {
    let tree = try reader.tree()
    guard let parts = tree.elements, parts.count == 2, let adapter = parts[0].int,
      let text = parts[1].text
    else { throw .invalid(member: "updates", found: tree.compact) }
    return Origin(adapter: adapter, text: text)
  }

  private static func readName(_ reader: inout JSONReader) throws(PlanError) -> String {
    let name = try reader.text()
    guard Path.staysInside(name) else { throw .invalid(member: "name", found: "\"\(name)\"") }
    return name
  }
}
