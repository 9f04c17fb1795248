// Which tensors share an output shard. Depends on names, sizes and options alone, never on workers.
//
// A unit is a layer: all tensors whose names agree up to their first number
// (`model.layers.12.…`). Tensors without a number are units of their own, at their place in the
// base.
import Safetensors

enum Partition {
  /// Groups of tensor indices, one group a shard, in output order.
  static func byLayers(_ recipes: [TensorRecipe], maxShardByteCount: Int64) -> [[Int]] {
    balance(units(recipes), recipes, maxShardByteCount)
  }

  /// A thirty-second of the checkpoint, at least 64 MB and at most 5 GB.
  static func automaticLimit(_ totalByteCount: Int64) -> Int64 {
    min(max(totalByteCount / 32, 64_000_000), 5_000_000_000)
  }

  private struct Key: Hashable {
    var prefix: Substring
    var number: Int
  }

  /// Layers in the order in which their prefixes first appear, then by number.
  private static func units(_ recipes: [TensorRecipe]) -> [[Int]] {
    var prefixPlaces: [Substring: Int] = [:]
    var places: [Key: Int] = [:]
    var units: [(key: Key, members: [Int])] = []
    // A layer's tensors mostly follow each other, so that the last unit is the one.
    var last: (key: Key, place: Int)?
    for index in recipes.indices {
      let key = layer(of: recipes[index].name)
      if last?.key != key {
        if prefixPlaces[key.prefix] == nil { prefixPlaces[key.prefix] = index }
        let place = places[key] ?? units.count
        if place == units.count {
          places[key] = place
          units.append((key, []))
        }
        last = (key, place)
      }
      units[last!.place].members.append(index)
    }
    return units.sorted { a, b in
      (prefixPlaces[a.key.prefix]!, a.key.number) < (prefixPlaces[b.key.prefix]!, b.key.number)
    }.map(\.members)
  }

  private static func layer(of name: String) -> Key {
    LayerName(name).map { Key(prefix: $0.prefix, number: $0.number) }
      ?? Key(prefix: name[...], number: -1)
  }

  /// Fills shards of nearly equal size with whole units; only a unit above the limit is cut,
  /// between tensors.
  private static func balance(
    _ units: [[Int]], _ recipes: [TensorRecipe], _ limit: Int64
  ) -> [[Int]] {
    var pieces: [(members: [Int], size: Int64)] = []
    for unit in units {
      let size = unit.reduce(Int64(0)) { $0 + recipes[$1].byteCount }
      if size <= limit {
        pieces.append((unit, size))
        continue
      }
      var piece: (members: [Int], size: Int64) = ([], 0)
      for index in unit {
        let bytes = recipes[index].byteCount
        if piece.size + bytes > limit, !piece.members.isEmpty {
          pieces.append(piece)
          piece = ([], 0)
        }
        piece.members.append(index)
        piece.size += bytes
      }
      pieces.append(piece)
    }
    let total = pieces.reduce(Int64(0)) { $0 + $1.size }
    let shardCount = max(1, (total + limit - 1) / limit)
    let target = (total + shardCount - 1) / shardCount
    var shards: [[Int]] = []
    var current: (members: [Int], size: Int64) = ([], 0)
    for piece in pieces {
      let isFull = current.size + piece.size > limit
      // Closing here comes nearer to the target than taking half of the next piece would.
      let isNear = current.size + piece.size / 2 > target
      if !current.members.isEmpty, isFull || isNear {
        shards.append(current.members)
        current = ([], 0)
      }
      current.members += piece.members
      current.size += piece.size
    }
    if !current.members.isEmpty { shards.append(current.members) }
    return shards
  }
}
