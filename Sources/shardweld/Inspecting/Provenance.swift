// What a merged checkpoint says of its own making, from its shardweld.json.
import OrderedJSON

/// The parts of a manifest that people ask for; a member that is not there is not told.
struct Provenance {
  let manifest: JSON

  init(_ manifest: JSON) { self.manifest = manifest }

  func add(to facts: inout Facts) {
    if let tool = manifest["tool"]?.text { facts.add("merged by", tool) }
    if let contract = manifest["contract"]?.text { facts.add("contract", contract) }
    add("adapter", manifest["adapters"], to: &facts)
    add("earlier", manifest["earlierAdapters"], to: &facts)
    if let digest = manifest["output"]?.text { facts.add("output", digest) }
  }

  /// One fact for each adapter of a list.
  private func add(_ name: String, _ adapters: JSON?, to facts: inout Facts) {
    for adapter in adapters?.elements ?? [] {
      let kind = adapter["kind"]?.text.map { ", \($0)" } ?? ""
      let strength = adapter["strength"]?.double.map { ", strength \(Amount.real($0))" } ?? ""
      facts.add(name, (adapter["name"]?.text ?? "unnamed") + kind + strength)
    }
  }

  /// The same members of the manifest, as they stand there.
  var json: JSON {
    .object((manifest.members ?? []).filter { Self.keys.contains($0.key) })
  }

  /// Without the lists of all shards, tensors and files.
  private static let keys: Set<String> = [
    "tool", "contract", "output", "options", "adapters", "earlierAdapters",
  ]
}
