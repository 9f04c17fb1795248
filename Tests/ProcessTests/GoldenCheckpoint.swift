// Reads a checkpoint or an adapter for the tests, with nothing of the product's own: whatever both
// misread alike would be seen by neither.
import Foundation

/// A tensor with its bytes.
struct GoldenTensor: Equatable {
  var name: String
  var dtype: String
  var shape: [Int]
  var bytes: [UInt8]

  var elementCount: Int { shape.reduce(1, *) }

  /// Every element as Float32, exactly; F32, BF16 and F16 only.
  var floats: [Float] {
    switch dtype {
    case "F32": words(of: 4).map { Float(bitPattern: $0) }
    case "BF16": words(of: 2).map { Float(bitPattern: $0 << 16) }
    case "F16": words(of: 2).map { Float(Float16(bitPattern: UInt16($0))) }
    default: fatalError("\(name) is \(dtype)")
    }
  }

  /// Every element as Float64; F64 only.
  var doubles: [Double] {
    stride(from: 0, to: bytes.count, by: 8).map { start in
      Double(
        bitPattern: (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) })
    }
  }

  /// The elements' bits.
  func words(of byteCount: Int) -> [UInt32] {
    stride(from: 0, to: bytes.count, by: byteCount).map { start in
      (0..<byteCount).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
    }
  }
}

/// Everything in a folder's safetensors files.
struct GoldenCheckpoint {
  /// By name.
  var shardNames: [String] = []
  /// Of each shard, in the order of their bytes.
  var shards: [String: [GoldenTensor]] = [:]
  var tensors: [String: GoldenTensor] = [:]
  /// A tensor's shard.
  var places: [String: String] = [:]

  struct Unreadable: Error {
    var path: String
  }

  /// Reads all `.safetensors` files of a folder.
  init(_ folder: String) throws {
    shardNames = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".safetensors") }.sorted()
    for name in shardNames {
      let own = try Self.read(folder + "/" + name)
      shards[name] = own
      for tensor in own {
        guard tensors.updateValue(tensor, forKey: tensor.name) == nil else {
          throw Unreadable(path: folder + ": " + tensor.name)
        }
        places[tensor.name] = name
      }
    }
  }

  private static func read(_ path: String) throws -> [GoldenTensor] {
    let file = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONSerialization.jsonObject(with: Data(file[8..<(8 + count)]))
    guard var entries = header as? [String: [String: Any]] else { throw Unreadable(path: path) }
    entries["__metadata__"] = nil
    var placed: [(begin: Int, tensor: GoldenTensor)] = []
    for (name, entry) in entries {
      guard let dtype = entry["dtype"] as? String, let shape = entry["shape"] as? [Int],
        let offsets = entry["data_offsets"] as? [Int]
      else { throw Unreadable(path: path) }
      let range = (8 + count + offsets[0])..<(8 + count + offsets[1])
      placed.append(
        (offsets[0], .init(name: name, dtype: dtype, shape: shape, bytes: Array(file[range]))))
    }
    return placed.sorted { ($0.begin, $0.tensor.name) < ($1.begin, $1.tensor.name) }.map(\.tensor)
  }
}
