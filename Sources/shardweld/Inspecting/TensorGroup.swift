// Tensors of a model repeat layer by layer; grouped, a model of a thousand tensors is ten lines.
//
//   model.layers.0.mlp.up_proj.weight, model.layers.1.mlp.up_proj.weight
//   → 2 of model.layers.*.mlp.up_proj.weight
import OrderedJSON

/// Tensors whose names differ in numbers alone, and which are alike in type and shape.
struct TensorGroup: Equatable, Sendable {
  /// The names, with `*` for each part that is a number.
  var pattern: String
  /// The element type as its container calls it.
  var dtype: String
  var shape: [Int]
  var count: Int
  /// Of all of them.
  var byteCount: Int64

  private struct Key: Hashable {
    var pattern: String
    var dtype: String
    var shape: [Int]
  }

  /// The groups in the order of their first tensors.
  static func groups(
    _ tensors: some Sequence<(name: String, dtype: String, shape: [Int], byteCount: Int64)>
  ) -> [TensorGroup] {
    var groups: [TensorGroup] = []
    var positions: [Key: Int] = [:]
    for tensor in tensors {
      let key = Key(pattern: pattern(tensor.name), dtype: tensor.dtype, shape: tensor.shape)
      if let position = positions[key] {
        groups[position].count += 1
        groups[position].byteCount += tensor.byteCount
      } else {
        positions[key] = groups.count
        groups.append(
          TensorGroup(
            pattern: key.pattern, dtype: tensor.dtype, shape: tensor.shape, count: 1,
            byteCount: tensor.byteCount))
      }
    }
    return groups
  }

  /// The name with `*` for each part between points that is a number.
  static func pattern(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false)
      .map { part in
        !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? "*" : part
      }
      .joined(separator: ".")
  }

  static func table(_ groups: [TensorGroup]) -> Table {
    var table = Table(
      .number("count"), .text("dtype"), .text("shape"), .number("bytes"), .text("tensors"))
    for group in groups {
      table.add(
        Amount.count(group.count), group.dtype, Shape.text(group.shape),
        Amount.bytes(group.byteCount), group.pattern)
    }
    return table
  }

  static func write(_ groups: [TensorGroup], _ writer: inout JSONWriter) {
    writer.array { writer in
      for group in groups {
        writer.object { writer in
          writer.member("pattern", group.pattern)
          writer.member("count", group.count)
          writer.member("dtype", group.dtype)
          writer.member("shape", Shape.json(group.shape))
          writer.member("byteCount", group.byteCount)
        }
      }
    }
  }
}

/// How much of a checkpoint has one element type.
struct DTypeShare: Equatable, Sendable {
  var dtype: String
  var tensorCount: Int
  var byteCount: Int64

  /// By bytes, largest first.
  static func shares(_ tensors: some Sequence<(dtype: String, byteCount: Int64)>) -> [DTypeShare] {
    var shares: [DTypeShare] = []
    for tensor in tensors {
      if let position = shares.firstIndex(where: { $0.dtype == tensor.dtype }) {
        shares[position].tensorCount += 1
        shares[position].byteCount += tensor.byteCount
      } else {
        shares.append(
          DTypeShare(dtype: tensor.dtype, tensorCount: 1, byteCount: tensor.byteCount))
      }
    }
    return shares.sorted {
      ($1.byteCount, $0.dtype) < ($0.byteCount, $1.dtype)
    }
  }

  static func add(_ shares: [DTypeShare], to facts: inout Facts) {
    for share in shares {
      let count = Amount.count(share.tensorCount, "tensor")
      facts.add("type", "\(share.dtype), \(count), \(Amount.bytes(share.byteCount))")
    }
  }

  static func write(_ shares: [DTypeShare], _ writer: inout JSONWriter) {
    writer.key("dtypes")
    writer.array { writer in
      for share in shares {
        writer.object { writer in
          writer.member("dtype", share.dtype)
          writer.member("tensorCount", share.tensorCount)
          writer.member("byteCount", share.byteCount)
        }
      }
    }
  }
}
