// The report as a table.
import Planning
import Publishing

extension MergeReport {
  /// Suspicions of one kind that people are shown; JSON has them all.
  private static let suspicionsMax = 20

  /// One line for each module of each layer, or with `all` for each tensor.
  func text(all: Bool) -> String {
    var facts = Facts()
    facts.add("report", output)
    for adapter in manifest.adapters {
      facts.add("adapter", "\(adapter.name) (\(adapter.kind)) × \(Amount.real(adapter.strength))")
    }
    facts.add(
      "tensors",
      "\(Amount.count(tensorCount)): \(Amount.count(tensors.count)) changed by updates"
        + (takenCount == 0 ? "" : ", \(Amount.count(takenCount)) the adapter's own, not measured"))
    guard !tensors.isEmpty else { return facts.text }
    let sum = total.statistics
    facts.add(
      "update",
      "\(sum.ratioText) of the weights: norm \(Amount.real(sum.updateNorm)) beside "
        + Amount.real(sum.baseNorm))
    facts.add("largest", Amount.real(sum.largest))
    facts.add(
      "changed",
      "\(Amount.percent(sum.changed, of: total.elementCount)) of "
        + Amount.count(total.elementCount, "element"))
    facts.add(
      "rounding",
      "\(Amount.percent(sum.lost)) of the update lost; "
        + "\(Amount.percent(sum.vanished, of: sum.moved)) of the elements moved are as in the base")
    if sum.overflowed > 0 {
      facts.add("overflow", "\(Amount.count(sum.overflowed, "element")) no longer finite")
    }
    return facts.text + "\n" + table(all: all) + suspicionText
  }

  private func table(all: Bool) -> String {
    var table = Table(
      .number("ratio"), .number("largest"), .number("changed"), .number("lost"),
      .number("overflow"), .number("tensors"), .text("name"))
    for row in all ? tensors.map(Self.alone) : modules {
      let numbers = row.statistics
      table.add(
        numbers.ratioText, Amount.real(numbers.largest),
        Amount.percent(numbers.changed, of: row.elementCount), Amount.percent(numbers.lost),
        Amount.count(numbers.overflowed), Amount.count(row.tensorCount), row.name)
    }
    return table.text()
  }

  private static func alone(_ tensor: Tensor) -> Module {
    var module = Module(group: .init(module: "", layer: nil, name: tensor.name))
    module.add(tensor)
    return module
  }

  private var suspicionText: String {
    guard !suspicions.isEmpty else { return "\nnothing looks wrong\n" }
    var table = Table(.text("flag"), .text("name"), .text("finding"))
    var rest = ""
    for kind in Suspicion.Kind.allCases {
      let found = suspicions.filter { $0.kind == kind }
      for suspicion in found.prefix(Self.suspicionsMax) {
        table.add(kind.words, suspicion.subject, suspicion.finding)
      }
      if found.count > Self.suspicionsMax {
        rest += "and \(Amount.count(found.count - Self.suspicionsMax)) more: \(kind.words)\n"
      }
    }
    return "\n" + table.text() + rest
  }
}

extension Suspicion.Kind {
  /// As people read it.
  var words: String {
    switch self {
    case .vanished: "vanished"
    case .empty: "empty"
    case .untouchedExperts: "untouched experts"
    case .larger: "larger than weight"
    case .overflowed: "overflowed"
    case .uneven: "uneven"
    }
  }
}
