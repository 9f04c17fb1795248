// `shardweld report`: what a merge did to its base, from its manifest alone.
import Publishing
import Storage

enum ReportCommand {
  static func run(_ flags: ReportFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(try text(flags))
  }

  /// What is printed; the page is written before.
  static func text(_ flags: ReportFlags) throws(CommandError) -> String {
    let report = try report(flags.output)
    guard let file = flags.html else {
      return flags.json ? report.json : report.text(all: flags.all)
    }
    let path = Path.absolute(file)
    let page = ReportPage(report).html
    try wrap(CommandError.storage) { () throws(StorageError) in
      try WholeFile.write(Array(page.utf8), to: path)
    }
    return "report  \(path)\n"
  }

  /// A sentence for each weight whose quantised form swallowed most of its update.
  static func losses(_ output: String) throws(CommandError) -> [String] {
    let report = try report(output)
    let quantized = Set(report.tensors.lazy.filter { $0.format != nil }.map(\.name))
    return report.suspicions.filter { $0.kind == .vanished && quantized.contains($0.subject) }
      .map { "\($0.subject): \($0.finding)" }
  }

  private static func report(_ output: String) throws(CommandError) -> MergeReport {
    let place = try MergePlace.find(output)
    switch place {
    case .finished(let manifest, let output), .job(_, let output, .some(let manifest)):
      return try MergeReport(manifest, output: output)
    case .job(_, let output, nil):
      throw .refused(
        "the merge to \(output) is not finished, and a report is of all of it; "
          + "shardweld status \(output) says how far it is")
    }
  }
}
