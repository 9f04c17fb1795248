// The report as one page that needs nothing else: style and picture stand in it, and it asks for no
// file and no host. Names come from strangers and are escaped.
import Planning
import Publishing

/// A report as HTML.
struct ReportPage {
  let report: MergeReport
  /// Suspicions that are listed; JSON has them all.
  private static let suspicionsMax = 500

  init(_ report: MergeReport) { self.report = report }

  var html: String {
    let title = Self.escape("Merge report: \(report.output)")
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>\(title)</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <h1>\(title)</h1>
      \(summary)
      <h2>What looks wrong</h2>
      \(flags)
      <h2>Size of the update beside its weight, layer by layer</h2>
      \(HeatMap(report).svg)
      <h2>Modules</h2>
      \(table)
      </body>
      </html>

      """
  }

  private static let style = """
    body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}
    h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}
    table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right;white-space:nowrap}
    td:last-child,th:last-child{text-align:left;font-family:monospace}
    tr:nth-child(even){background:#f4f6f8}dl{display:grid;grid-template-columns:10em auto}
    dd{margin:0}code{font-family:monospace}.map{overflow-x:auto}svg text{font:11px monospace}
    li b{color:#b00020}
    """

  private var summary: String {
    let sum = report.total.statistics
    var lines: [(String, String)] = report.manifest.adapters.map {
      ("adapter", "\($0.name) (\($0.kind)) × \(Amount.real($0.strength))")
    }
    lines += [
      ("made by", report.manifest.tool), ("digest", report.manifest.outputDigest),
      (
        "tensors",
        "\(Amount.count(report.tensorCount)), \(Amount.count(report.tensors.count)) changed"
      ),
      ("‖ΔW‖ / ‖W0‖", sum.ratioText), ("largest |Δ|", Amount.real(sum.largest)),
      ("elements changed", Amount.percent(sum.changed, of: report.total.elementCount)),
      ("lost to rounding", Amount.percent(sum.lost)),
      ("overflowed", Amount.count(sum.overflowed)),
    ]
    let items = lines.map { "<dt>\($0.0)</dt><dd>\(Self.escape($0.1))</dd>" }
    return "<dl>\(items.joined(separator: "\n"))</dl>"
  }

  private var flags: String {
    guard !report.suspicions.isEmpty else { return "<p>Nothing.</p>" }
    let items = report.suspicions.prefix(Self.suspicionsMax).map {
      "<li><b>\($0.kind.words)</b> <code>\(Self.escape($0.subject))</code>: "
        + "\(Self.escape($0.finding))</li>"
    }
    let left = report.suspicions.count - items.count
    let rest = left > 0 ? "<p>And \(Amount.count(left)) more.</p>" : ""
    return "<ul>\(items.joined(separator: "\n"))</ul>\(rest)"
  }

  private var table: String {
    let titles = ["‖ΔW‖ / ‖W0‖", "largest", "changed", "lost", "overflow", "tensors", "name"]
    var lines = ["<tr>" + titles.map { "<th>\($0)</th>" }.joined() + "</tr>"]
    for module in report.modules {
      let numbers = module.statistics
      let cells = [
        numbers.ratioText, Amount.real(numbers.largest),
        Amount.percent(numbers.changed, of: module.elementCount), Amount.percent(numbers.lost),
        Amount.count(numbers.overflowed), Amount.count(module.tensorCount), module.name,
      ]
      lines.append("<tr>" + cells.map { "<td>\(Self.escape($0))</td>" }.joined() + "</tr>")
    }
    return "<table>\(lines.joined(separator: "\n"))</table>"
  }

  /// Text as it may stand between tags and in attributes.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text.harmless {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
