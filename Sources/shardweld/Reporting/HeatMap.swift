// The picture of a report: modules from top to bottom, layers from left to right, in each field how
// large the update is beside its weight. The darker, the larger, by powers; a red edge is a flag.
import Planning

/// Layers by modules.
struct HeatMap {
  private let modules: [String]
  /// nil stands for what is in no layer.
  private let layers: [Int?]
  private let fields: [MergeReport.Module]
  private let flagged: Set<String>
  /// The powers of the smallest ratio and of the largest.
  private let range: ClosedRange<Double>

  private static let fieldHeight = 18
  private static let headHeight = 20

  init(_ report: MergeReport) {
    fields = report.modules
    var seen: Set<String> = []
    modules = fields.map(\.group.module).filter { seen.insert($0).inserted }
    let numbers = Set(fields.compactMap(\.group.layer)).sorted()
    layers = (fields.contains { $0.group.layer == nil } ? [nil] : []) + numbers
    let powers = fields.compactMap { $0.statistics.ratio }.filter { $0 > 0 }.map(Self.power)
    range = (powers.min() ?? 0)...(powers.max() ?? 0)
    flagged = Set(report.suspicions.map { TensorPlace($0.subject).group.name })
  }

  private var fieldWidth: Int { layers.count > 40 ? 12 : 24 }

  var svg: String {
    guard !fields.isEmpty else { return "<p>No tensor changed.</p>" }
    let labels = modules.map(Self.label)
    let left = 8 + 7 * (labels.map(\.count).max() ?? 0)
    let width = left + layers.count * fieldWidth + 8
    let height = Self.headHeight + modules.count * Self.fieldHeight
    var lines = [
      "<div class=\"map\"><svg width=\"\(width)\" height=\"\(height)\" role=\"img\">"
    ]
    for (column, layer) in layers.enumerated() where layer.map({ $0 % 5 == 0 }) ?? true {
      let text = layer.map { String($0) } ?? "–"
      lines.append("<text x=\"\(left + column * fieldWidth)\" y=\"14\">\(text)</text>")
    }
    for (row, label) in labels.enumerated() {
      let y = Self.headHeight + row * Self.fieldHeight + 13
      lines.append("<text x=\"0\" y=\"\(y)\">\(ReportPage.escape(label))</text>")
    }
    let rows = Dictionary(uniqueKeysWithValues: modules.enumerated().map { ($1, $0) })
    let columns = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1, $0) })
    for field in fields {
      guard let row = rows[field.group.module], let column = columns[field.group.layer] else {
        continue
      }
      lines.append(
        rectangle(
          field, x: left + column * fieldWidth, y: Self.headHeight + row * Self.fieldHeight))
    }
    return lines.joined(separator: "\n") + "</svg></div>"
  }

  private func rectangle(_ field: MergeReport.Module, x: Int, y: Int) -> String {
    let numbers = field.statistics
    let edge = flagged.contains(field.name) ? " stroke=\"#b00020\" stroke-width=\"2\"" : ""
    let tip = ReportPage.escape(
      "\(field.name): ratio \(numbers.ratioText), largest \(Amount.real(numbers.largest)), "
        + "changed \(Amount.percent(numbers.changed, of: field.elementCount)), "
        + "lost \(Amount.percent(numbers.lost))")
    return "<rect x=\"\(x + 1)\" y=\"\(y + 1)\" width=\"\(fieldWidth - 2)\" "
      + "height=\"\(Self.fieldHeight - 2)\" fill=\"\(color(numbers))\"\(edge)>"
      + "<title>\(tip)</title></rect>"
  }

  /// From pale to dark between the smallest ratio of the map and the largest.
  private func color(_ numbers: UpdateStatistics) -> String {
    guard let ratio = numbers.ratio else { return "#402000" }
    guard ratio > 0 else { return "#dddddd" }
    let width = range.upperBound - range.lowerBound
    let share = width > 0 ? (Self.power(ratio) - range.lowerBound) / width : 0.5
    return "hsl(215,70%,\(Int((90 - 62 * share).rounded()))%)"
  }

  /// The power of two, straight lines between whole ones: the same on every machine.
  private static func power(_ number: Double) -> Double {
    Double(number.exponent) + number.significand - 1
  }

  /// A module's name without what most names share.
  private static func label(_ module: String) -> String {
    var label = module[...]
    if label.hasSuffix(".weight") { label = label.dropLast(7) }
    if label.hasPrefix("model.") { label = label.dropFirst(6) }
    if label.hasPrefix("layers.*.") { label = label.dropFirst(9) }
    return String(label)
  }
}
