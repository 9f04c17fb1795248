// The manifest as text: one tensor a line, so that two manifests can be compared by eye.
//
//   {"manifest":1,"tool":"shardweld 0.1.0","contract":"f32-once","output":"xxh3:…",
//   "options":{"layout":"layers",…},
//   "base":[
//   {"name":"model-00001-of-00002.safetensors","byteCount":4096,"headerDigest":"xxh3:…"}],
//   "adapters":[
//   {"name":"my-lora","kind":"LORA","strength":1.0,"configDigest":"xxh3:…","files":[…]}],
//   "earlierAdapters":[],
//   "files":[
//   {"name":"config.json","byteCount":700,"digest":"xxh3:…"}],
//   "shards":[
//   {"name":"model-00001-of-00002.safetensors","byteCount":4096,"digest":"xxh3:…","tensors":[
//   {"name":"a.weight","dtype":"BF16","shape":[8,4],"digest":"xxh3:…","source":"xxh3:…",
//    "updates":[[0,"alpha 16 / r 8"]],"statistics":{"baseNorm":12.5,…}}]}],
//   "digest":"xxh3:…"}
//
// The last member is the digest of every byte before its value: a manifest vouches for the output,
// and this vouches for the manifest.
import OrderedJSON
import Planning
import Safetensors
import Storage

extension Manifest {
  static let format = 1
  /// The manifest's bytes; the same for the same manifest.
  package func encode() -> [UInt8] {
    var text = Lines()
    text.add("{\"manifest\":\(Self.format),\"tool\":") { $0.string(tool) }
    text.add(",\"contract\":\"\(options.accumulation.contract)\",\"output\":") {
      $0.string(outputDigest)
    }
    text.add(",\n\"options\":") { PlanCodec.write(options, to: &$0) }
    text.list(",\n\"base\":", base) { shard, writer in
      writer.object { writer in
        writer.member("name", shard.name)
        writer.member("byteCount", shard.byteCount)
        writer.member("headerDigest", shard.headerDigest)
      }
    }
    text.list(",\n\"adapters\":", adapters, Self.write)
    text.list(",\n\"earlierAdapters\":", earlierAdapters, Self.write)
    text.list(",\n\"files\":", files, Self.write)
    text.add(",\n\"shards\":[")
    for (index, shard) in shards.enumerated() {
      text.add(index == 0 ? "\n{\"name\":" : ",\n{\"name\":") { $0.string(shard.name) }
      text.add(",\"byteCount\":\(shard.byteCount),\"digest\":") { $0.string(shard.digest) }
      if let prelude = shard.prelude {
        text.add(",\"prelude\":{\"byteCount\":\(prelude.byteCount),\"digest\":") {
          $0.string(prelude.digest)
        }
        text.add(",\"alignment\":\(prelude.alignment)}")
      }
      text.list(",\"tensors\":", shard.tensors, Self.write)
      text.add("}")
    }
    text.add("],\n\"digest\":")
    let digest = Digest.xxh3(text.bytes).description
    text.add(Self.ending(digest))
    return text.bytes
  }

  /// What stands behind the bytes that the manifest's own digest is of.
  static func ending(_ digest: String) -> String { "\"\(digest)\"}\n" }

  private static func write(_ adapter: Adapter, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", adapter.name)
      writer.member("kind", adapter.kind)
      writer.member("strength", PlanCodec.number(adapter.strength))
      writer.member("configDigest", adapter.configDigest)
      writer.key("files")
      writer.array { writer in for file in adapter.files { write(file, to: &writer) } }
    }
  }

  private static func write(_ file: FileDigest, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", file.name)
      writer.member("byteCount", file.byteCount)
      writer.member("digest", file.digest)
    }
  }

  private static func write(_ tensor: Tensor, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", tensor.name)
      writer.member("dtype", tensor.dtype.rawValue)
      writer.key("shape")
      writer.array { writer in for extent in tensor.shape { writer.integer(extent) } }
      writer.member("digest", tensor.digest)
      writer.member("source", tensor.sourceDigest)
      if let format = tensor.dequantizedFrom { writer.member("dequantizedFrom", format) }
      if let part = tensor.requantized { writer.member("requantized", part.rawValue) }
      if let shape = tensor.valueShape {
        writer.key("valueShape")
        writer.array { writer in for extent in shape { writer.integer(extent) } }
      }
      guard !tensor.updates.isEmpty else { return }
      writer.key("updates")
      writer.array { writer in
        for update in tensor.updates {
          writer.array { writer in
            writer.integer(update.adapter)
            writer.string(update.text)
          }
        }
      }
      guard let statistics = tensor.statistics else { return }
      writer.key("statistics")
      statistics.write(to: &writer)
    }
  }

  /// Text put together line by line.
  private struct Lines {
    var bytes: [UInt8] = []

    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func add(_ text: String, _ value: (inout JSONWriter) -> Void) {
      add(text)
      var writer = JSONWriter(indent: nil)
      value(&writer)
      bytes.append(contentsOf: writer.bytes)
    }

    mutating func list<Element>(
      _ text: String, _ elements: [Element], _ value: (Element, inout JSONWriter) -> Void
    ) {
      add(text + "[")
      for (index, element) in elements.enumerated() {
        add(index == 0 ? "\n" : ",\n") { value(element, &$0) }
      }
      add("]")
    }
  }
}
