// What looks wrong in a merge. None of it makes an output wrong by itself: each is a place where
// people should look before they use it.
import Planning
import Publishing
import Safetensors

/// Something that looks wrong.
struct Suspicion: Equatable, Sendable {
  enum Kind: String, CaseIterable, Sendable {
    /// Rounding left next to nothing of an update.
    case vanished
    /// An update that is zeros everywhere.
    case empty
    /// Experts as in the base, beside others that changed.
    case untouchedExperts
    /// An update larger than its weight.
    case larger
    /// Elements that were finite and no longer are.
    case overflowed
    /// A module changed by far more or less than in other layers.
    case uneven
  }

  var kind: Kind
  /// A tensor's name, or a module's.
  var subject: String
  /// What was found.
  var finding: String

  /// From this share on an update counts as vanished: so much of its norm is lost, and so many of
  /// the elements it moves come out as in the base.
  static let vanishedShare = 0.9
  /// Of a weight that went back into a quantised form it is the elements alone that count: what is
  /// not lost there is swollen to a whole step.
  static let vanishedShareOfCodes = 0.5
  /// How many times more or less than the median of all layers is uneven.
  static let unevenFactor = 10.0
  /// With fewer layers a median says nothing.
  static let unevenLayersMin = 4

  /// All of them, kind by kind.
  static func all(
    _ tensors: [MergeReport.Tensor], _ modules: [MergeReport.Module], _ manifest: Manifest
  ) -> [Suspicion] {
    let found =
      tensors.flatMap(of) + experts(manifest) + uneven(modules)
    return Kind.allCases.flatMap { kind in found.filter { $0.kind == kind } }
  }

  private static func of(_ tensor: MergeReport.Tensor) -> [Suspicion] {
    let numbers = tensor.statistics
    var found: [Suspicion] = []
    func add(_ kind: Kind, _ finding: String) {
      found.append(Suspicion(kind: kind, subject: tensor.name, finding: finding))
    }
    if let format = tensor.format,
      Double(numbers.vanished) > vanishedShareOfCodes * Double(numbers.moved)
    {
      let share = Amount.percent(numbers.vanished, of: numbers.moved)
      add(
        .vanished,
        "\(share) of the elements that the update moves are below the step of \(format) and stay "
          + "as in the base")
    }
    if tensor.format == nil, numbers.moved > 0, numbers.lost >= vanishedShare,
      Double(numbers.vanished) >= vanishedShare * Double(numbers.moved)
    {
      let share = Amount.percent(numbers.vanished, of: numbers.moved)
      add(
        .vanished,
        "\(Amount.percent(numbers.lost)) of the update is lost in rounding to "
          + "\(tensor.dtype.rawValue); \(share) of the elements it moves are as in the base")
    }
    // Of an expert the next kind tells.
    if numbers.moved == 0, numbers.overflowed == 0, tensor.place.expert == nil {
      add(.empty, "the update is zeros everywhere")
    }
    if let ratio = numbers.ratio {
      if ratio > 1 { add(.larger, "the update is \(Amount.real(ratio)) times the weight") }
    } else {
      add(.larger, "the weight was zeros everywhere")
    }
    if numbers.overflowed > 0 {
      let count = Amount.count(numbers.overflowed, "element")
      add(.overflowed, "\(count) finite in the base and not in the output")
    }
    return found
  }

  /// Experts that changed and those that did not, of each module of each layer.
  private static func experts(_ manifest: Manifest) -> [Suspicion] {
    var order: [TensorPlace.Group] = []
    var experts: [TensorPlace.Group: (moved: Int, still: [Int])] = [:]
    for tensor in manifest.shards.lazy.flatMap(\.tensors) {
      let place = TensorPlace(tensor.name)
      guard let expert = place.expert else { continue }
      if experts[place.group] == nil { order.append(place.group) }
      let isStill =
        tensor.change == .copied || tensor.change == .converted
        || tensor.statistics.map { $0.moved == 0 && $0.overflowed == 0 } == true
      if isStill {
        experts[place.group, default: (0, [])].still.append(expert)
      } else {
        experts[place.group, default: (0, [])].moved += 1
      }
    }
    return order.compactMap { group in
      guard let (moved, still) = experts[group], moved > 0, !still.isEmpty else { return nil }
      let shown = still.sorted().prefix(8).map { String($0) }.joined(separator: ", ")
      return Suspicion(
        kind: .untouchedExperts, subject: group.name,
        finding: "\(still.count) of \(still.count + moved) experts did not change: \(shown)"
          + (still.count > 8 ? ", …" : ""))
    }
  }

  private static func uneven(_ modules: [MergeReport.Module]) -> [Suspicion] {
    var ratios: [String: [Double]] = [:]
    for module in modules where module.group.layer != nil {
      if let ratio = module.statistics.ratio, ratio > 0 {
        ratios[module.group.module, default: []].append(ratio)
      }
    }
    let medians = ratios.filter { $0.value.count >= unevenLayersMin }
      .mapValues { $0.sorted()[$0.count / 2] }
    return modules.compactMap { module in
      guard module.group.layer != nil, let median = medians[module.group.module],
        let ratio = module.statistics.ratio, ratio > 0,
        ratio > median * unevenFactor || ratio < median / unevenFactor
      else { return nil }
      return Suspicion(
        kind: .uneven, subject: module.name,
        finding: "ratio \(Amount.real(ratio)), in the middle of all layers it is "
          + Amount.real(median))
    }
  }
}
