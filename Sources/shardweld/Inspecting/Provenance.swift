// What a merged checkpoint says of its own making, from its shardweld.json.
import OrderedJSON

/// The parts of a manifest that people ask for; a member that is not there is not told.
struct Provenance {
  let manifest: JSON

  init(_ manifest: JSON) { self.manifest = manifest }

  func add(to facts: inout Facts) {
    if let tool = manifest["tool"]?.text { facts.add("merged by", tool) }
    if let contract = manifest["contract"]?.text { facts.add("contract", contract) }
    for adapter in manifest["adapters"]?.elements ?? [] {
      let name = adapter["name"]?.text ?? "adapter"
      let kind = adapter["kind"]?.text.map { ", \($0)" } ?? ""
      let strength = adapter["strength"]?.double.map { ", strength \(Amount.real($0))" } ?? ""
      facts.add("adapter", name + kind + strength)
    }
    if let digest = manifest["digest"]?.text { facts.add("digest", digest) }
  }

  /// The same members of the manifest, as they stand there.
  var json: JSON {
    .object((manifest.members ?? []).filter { Self.keys.contains($0.key) })
  }

  /// Without the lists of all shards, tensors and files.
  private static let keys: Set<String> = ["tool", "contract", "adapters", "options", "digest"]
}
