// A merge whose folder is gone: what its manifest says of the result.
import OrderedJSON
import Publishing

/// A finished output.
struct FinishedStatus {
  let manifest: Manifest
  let output: String

  private var byteCount: Int64 { manifest.shards.reduce(0) { $0 + $1.byteCount } }
  private var counts: ChangeCounts {
    ChangeCounts(manifest.shards.lazy.flatMap(\.tensors).map { $0.change })
  }
  private var next: String { "shardweld verify \(output) checks every byte" }

  var text: String {
    var facts = Facts()
    facts.add("output", output)
    facts.add("state", "finished")
    facts.add("merged by", manifest.tool)
    for adapter in manifest.adapters { facts.add("adapter", AdapterStory(adapter).text) }
    for adapter in manifest.earlierAdapters { facts.add("earlier", AdapterStory(adapter).text) }
    facts.add("tensors", counts.text)
    facts.add(
      "shards", "\(Amount.count(manifest.shards.count, "file")), \(Amount.bytes(byteCount))")
    facts.add("digest", manifest.outputDigest)
    facts.add("next", next)
    return facts.text
  }

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("output", output)
      writer.member("job", .null)
      writer.member("state", JobStatus.State.finished.rawValue)
      writer.member("tool", manifest.tool)
      for (key, adapters) in [
        ("adapters", manifest.adapters), ("earlierAdapters", manifest.earlierAdapters),
      ] {
        writer.key(key)
        writer.array { writer in
          for adapter in adapters { AdapterStory(adapter).write(to: &writer) }
        }
      }
      counts.write(to: &writer)
      writer.member("shards", manifest.shards.count)
      writer.member("bytesTotal", byteCount)
      writer.member("digest", manifest.outputDigest)
      writer.member("next", next)
    }
    return writer.text + "\n"
  }
}
