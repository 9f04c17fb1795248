// The comparison as a table and a line, or as JSON.
import OrderedJSON
import Safetensors

extension CheckpointDifference {
  /// A table of the tensors that differ (of all, where `all`), and a line that sums up.
  func text(all: Bool) -> String {
    let shown = rows.filter { all || $0.result != .same }
    var text = ""
    if !shown.isEmpty {
      var table = Table(
        .text("tensor"), .text("result"), .number("differ"), .number("max"), .number("mean"),
        .number("ulp"))
      for row in shown { table.rows.append([row.name] + Self.cells(row.result)) }
      text = table.text() + "\n"
    }
    if configDiffers { text += "config.json differs; it does not count\n" }
    return text + summary + "\n"
  }

  /// `12 tensors: 8 same, 3 changed, 1 only in A; largest difference 0.001953`.
  var summary: String {
    let counts = counts
    let parts = [
      (counts.same, "same"), (counts.changed, "changed"),
      (counts.other, "of another type or shape"), (counts.onlyInFirst, "only in A"),
      (counts.onlyInSecond, "only in B"),
    ].filter { $0.0 > 0 }.map { "\(Amount.count($0.0)) \($0.1)" }
    var line = Amount.count(rows.count, "tensor")
    if !parts.isEmpty { line += ": " + parts.joined(separator: ", ") }
    if counts.changed > 0 { line += "; largest difference " + Amount.real(largest) }
    return line
  }

  private var largest: Double {
    rows.reduce(0) { value, row in
      if case .changed(let values) = row.result { max(value, values.largest) } else { value }
    }
  }

  /// The columns of a result: what, share of elements, largest, mean, steps.
  private static func cells(_ result: TensorResult) -> [String] {
    switch result {
    case .same: ["same", "", "", "", ""]
    case .changed(let values): ["changed" + notFinite(values)] + numbers(values)
    case .retyped(let a, let b, let values):
      ["\(a.rawValue) -> \(b.rawValue)" + notFinite(values)] + numbers(values)
    case .reshaped(let a, let x, let b, let y):
      ["\(a.rawValue) \(Shape.text(x)) -> \(b.rawValue) \(Shape.text(y))", "", "", "", ""]
    case .onlyInFirst: ["only in A", "", "", "", ""]
    case .onlyInSecond: ["only in B", "", "", "", ""]
    }
  }

  private static func notFinite(_ values: ValueDifference) -> String {
    values.notFiniteCount > 0 ? ", \(Amount.count(values.notFiniteCount)) not finite" : ""
  }

  private static func numbers(_ values: ValueDifference) -> [String] {
    guard values.hasValues else { return ["", "", "", ""] }
    let share = Double(values.differingCount) / Double(max(1, values.elementCount)) * 100
    return [
      Amount.real(share) + " %", Amount.real(values.largest), Amount.real(values.mean),
      values.largestStep.map { String($0) } ?? "",
    ]
  }

  // MARK: JSON

  /// The same for a program; tensors that are the same are listed only where `all`.
  func json(first: String, second: String, all: Bool) -> String {
    let counts = counts
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("a", first)
      writer.member("b", second)
      writer.member("same", .bool(isSame))
      writer.member("configDiffers", .bool(configDiffers))
      writer.key("counts")
      writer.object { writer in
        writer.member("same", counts.same)
        writer.member("changed", counts.changed)
        writer.member("otherTypeOrShape", counts.other)
        writer.member("onlyInA", counts.onlyInFirst)
        writer.member("onlyInB", counts.onlyInSecond)
      }
      writer.key("tensors")
      writer.array { writer in
        for row in rows where all || row.result != .same {
          writer.object { Self.write(row, &$0) }
        }
      }
    }
    return writer.text + "\n"
  }

  private static func write(_ row: Row, _ writer: inout JSONWriter) {
    writer.member("name", row.name)
    switch row.result {
    case .same: writer.member("result", "same")
    case .changed(let values):
      writer.member("result", "changed")
      write(values, &writer)
    case .retyped(let a, let b, let values):
      writer.member("result", "retyped")
      writer.member("dtypes", .array([.string(a.rawValue), .string(b.rawValue)]))
      write(values, &writer)
    case .reshaped(let a, let x, let b, let y):
      writer.member("result", "reshaped")
      writer.member("dtypes", .array([.string(a.rawValue), .string(b.rawValue)]))
      writer.member("shapes", .array([Shape.json(x), Shape.json(y)]))
    case .onlyInFirst: writer.member("result", "onlyInA")
    case .onlyInSecond: writer.member("result", "onlyInB")
    }
  }

  private static func write(_ values: ValueDifference, _ writer: inout JSONWriter) {
    writer.member("elements", values.elementCount)
    guard values.hasValues else {
      writer.member("differingBytes", values.differingCount)
      return
    }
    writer.member("differing", values.differingCount)
    writer.member("notFinite", values.notFiniteCount)
    writer.member("max", number(values.largest))
    writer.member("mean", number(values.mean))
    writer.member("ulp", values.largestStep.map { .integer($0) } ?? .null)
  }

  /// JSON has no infinity: a difference beyond all numbers is null.
  private static func number(_ value: Double) -> JSON {
    value.isFinite ? .number("\(value)") : .null
  }
}
