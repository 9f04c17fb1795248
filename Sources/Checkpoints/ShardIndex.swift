// The index of a sharded checkpoint. It is trusted for the list of files alone: sizes it states are
// often wrong, and where a tensor lies the headers know better.
//
//   {"metadata": {"total_size": 988065536},
//    "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors", …}}
import OrderedJSON
import Storage

/// What an index says.
struct ShardIndex {
  var path: String
  /// Tensor and file, in the index's order.
  var tensors: [(name: String, file: String)]
  /// Every file once, in natural order.
  var files: [String]

  /// Reads an index and sees that each file it names lies in its folder.
  static func read(_ path: String) throws(CheckpointError) -> ShardIndex {
    let bytes = try checked { () throws(StorageError) in try WholeFile.read(path) }
    var tensors: [(name: String, file: String)]?
    var files: Set<String> = []
    do throws(JSONError) {
      var reader = try JSONReader(bytes)
      try reader.object { key, reader throws(JSONError) in
        guard key == "weight_map" else { return try reader.skip() }
        var map: [(name: String, file: String)] = []
        try reader.object { tensor, reader throws(JSONError) in
          let file = try reader.string()
          // Tensors of one file mostly follow each other: they share its name.
          if let last = map.last?.file, last == file { return map.append((tensor, last)) }
          files.insert(file)
          map.append((tensor, file))
        }
        tensors = map
      }
      try reader.finish()
    } catch { throw .json(path: path, error) }
    guard let tensors, !tensors.isEmpty else { throw .emptyIndex(path: path) }

    let sorted = files.sorted(by: NaturalOrder.precedes)
    for file in sorted {
      guard Path.staysInside(file) else { throw .leavesFolder(file: file, index: path) }
      let full = Path.join(Path.parent(path), file)
      guard try checked({ () throws(StorageError) in try FileStatus.of(full) }) != nil else {
        throw .missingFile(file, index: path)
      }
    }
    return ShardIndex(path: path, tensors: tensors, files: sorted)
  }
}
