// model.safetensors.index.json, as transformers writes it:
//
//   {
//     "metadata": {
//       "total_size": 16384
//     },
//     "weight_map": {
//       "a.weight": "model-00001-of-00002.safetensors",
//       …
//     }
//   }
import OrderedJSON
import Planning

/// Which shard holds each tensor.
struct ShardIndex: Equatable {
  /// Its name beside shards of these names.
  static func fileName(of shards: some Sequence<String>) -> String {
    OutputNames.stem(of: shards) + ".safetensors.index.json"
  }

  /// Bytes of all tensors.
  var totalByteCount: Int64
  var shards: [String: String]

  init(totalByteCount: Int64, shards: [String: String]) {
    self.totalByteCount = totalByteCount
    self.shards = shards
  }

  init(of jobs: [MergeJob]) {
    totalByteCount = 0
    shards = [:]
    for job in jobs {
      for recipe in job.recipes {
        totalByteCount += recipe.byteCount
        shards[recipe.name] = job.shardName
      }
    }
  }

  init(of manifest: Manifest) {
    totalByteCount = 0
    shards = [:]
    for shard in manifest.shards {
      for tensor in shard.tensors {
        totalByteCount += tensor.byteCount
        shards[tensor.name] = shard.name
      }
    }
  }

  func encode() -> [UInt8] {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.key("metadata")
      writer.object { $0.member("total_size", totalByteCount) }
      writer.key("weight_map")
      writer.object { writer in
        for (name, shard) in shards.sorted(by: { Manifest.precedes($0.key, $1.key) }) {
          writer.member(name, shard)
        }
      }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// Reads any writer's index; other members are skipped.
  static func decode(_ bytes: [UInt8]) throws(PlanError) -> ShardIndex {
    var index = ShardIndex(totalByteCount: 0, shards: [:])
    var missing = RequiredMembers(["weight_map"])
    var reader = try JSONReader.of(bytes)
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "metadata": index.totalByteCount = Int64(try reader.tree()["total_size"]?.int ?? 0)
      case "weight_map":
        try reader.object { name, reader throws(PlanError) in
          index.shards[name] = try reader.text()
        }
      default: try reader.forget()
      }
    }
    try missing.check()
    try reader.end()
    return index
  }
}
