// What a merge did to its base, from the numbers in shardweld.json: every changed tensor, the
// modules they belong to with their experts taken together, and all in sum.
import Planning
import Publishing
import Safetensors

/// The audit of a finished merge.
struct MergeReport {
  /// A tensor that updates changed.
  struct Tensor: Equatable, Sendable {
    var name: String
    var dtype: DType
    var shape: [Int]
    var statistics: UpdateStatistics
    var place: TensorPlace
    /// The quantised format that it went back into, if any.
    var format: String?

    var elementCount: Int { shape.reduce(1, *) }
  }

  /// A module in one layer, its experts taken together.
  struct Module: Equatable, Sendable {
    var group: TensorPlace.Group
    var name: String { group.name }
    var tensorCount = 0
    var elementCount = 0
    var statistics = UpdateStatistics()

    mutating func add(_ tensor: Tensor) {
      tensorCount += 1
      elementCount += tensor.elementCount
      statistics.add(tensor.statistics)
    }
  }

  let output: String
  let manifest: Manifest
  /// In the order of the shards, as all that follows.
  let tensors: [Tensor]
  let modules: [Module]
  let total: Module
  let suspicions: [Suspicion]

  /// Refuses a manifest that has no numbers for a tensor that was changed.
  init(_ manifest: Manifest, output: String) throws(CommandError) {
    var tensors: [Tensor] = []
    for tensor in manifest.shards.lazy.flatMap(\.tensors) where tensor.change == .changed {
      // What an update did to a quantised weight stands at its codes.
      if tensor.requantized?.isMeasured == false { continue }
      guard let statistics = tensor.statistics else {
        throw .refused(
          "\(output): its manifest has no statistics of \"\(tensor.name)\", which \(manifest.tool) "
            + "did not measure; merge again with this version to have them")
      }
      tensors.append(
        Tensor(
          name: tensor.name, dtype: tensor.dtype, shape: tensor.valueShape ?? tensor.shape,
          statistics: statistics,
          place: TensorPlace(tensor.name),
          format: tensor.requantized == nil ? nil : tensor.dequantizedFrom))
    }
    self.output = output
    self.manifest = manifest
    self.tensors = tensors
    modules = Self.modules(tensors)
    var total = Module(group: .init(module: "", layer: nil, name: ""))
    for tensor in tensors { total.add(tensor) }
    self.total = total
    suspicions = Suspicion.all(tensors, modules, manifest)
  }

  private static func modules(_ tensors: [Tensor]) -> [Module] {
    var modules: [Module] = []
    var positions: [TensorPlace.Group: Int] = [:]
    for tensor in tensors {
      let group = tensor.place.group
      let position = positions[group] ?? modules.count
      if position == modules.count {
        positions[group] = position
        modules.append(Module(group: group))
      }
      modules[position].add(tensor)
    }
    return modules
  }

  /// Tensors of the output.
  var tensorCount: Int { manifest.shards.reduce(0) { $0 + $1.tensors.count } }

  /// Tensors that are an adapter's own: copied, and not measured beside the base's.
  var takenCount: Int {
    manifest.shards.reduce(0) { $0 + $1.tensors.count { $0.change == .taken } }
  }
}

extension UpdateStatistics {
  /// `0.01234`, or `∞` where the weight is all zeros.
  var ratioText: String { ratio.map { Amount.real($0) } ?? "∞" }
}

extension Amount {
  /// `12.3 %`; what is not quite nothing or all is not told as that.
  static func percent(_ share: Double) -> String {
    switch share {
    case ...0: return "0 %"
    case 1...: return "100 %"
    case ..<0.001: return "<0.1 %"
    case 0.9995...: return ">99.9 %"
    default:
      let tenths = Int((share * 1000).rounded())
      return "\(tenths / 10).\(tenths % 10) %"
    }
  }

  static func percent(_ part: Int, of whole: Int) -> String {
    percent(whole == 0 ? 0 : Double(part) / Double(whole))
  }
}
