// journal/*.jsonl of a job's folder, as its readers outside see it: one line for each thing that
// happened, oldest coordinator first.
//
//   {"time":1700000000000,"kind":"assigned","attempt":[12,3,1],"worker":"n1/77","text":"merge"}
import Foundation

/// What a job's folder tells of its past.
struct JobJournal {
  /// One thing that happened.
  struct Line: Decodable {
    /// Milliseconds since 1970.
    var time: Int64
    var kind: String
    /// Job, epoch, number.
    var attempt: [Int]?
    /// `host/processID`, or empty.
    var worker: String
    var text: String

    /// True where this is about a process.
    func concerns(_ process: Command) -> Bool { worker.hasSuffix("/\(process.processID)") }
    var isMerge: Bool { kind == "assigned" && text == "merge" }
  }

  var lines: [Line] = []

  /// Empty where nothing was noted yet; a line that is being written is left out.
  init(_ jobFolder: String) throws {
    let folder = jobFolder + "/journal"
    guard FileManager.default.fileExists(atPath: folder) else { return }
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      let bytes = try Data(contentsOf: URL(filePath: folder + "/" + name))
      let whole = bytes.prefix((bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1)
      for line in whole.split(separator: UInt8(ascii: "\n")) {
        lines.append(try JSONDecoder().decode(Line.self, from: Data(line)))
      }
    }
  }

  /// How often each job was given to somebody to be merged.
  var mergesPerJob: [Int: Int] {
    Dictionary(
      lines.filter(\.isMerge).compactMap { $0.attempt.map { ($0[0], 1) } }, uniquingKeysWith: +)
  }

  /// Waits until a line fits; nil where none comes.
  static func first(
    in jobFolder: String, seconds: Int = 60, where fits: (Line) -> Bool
  ) async throws -> Line? {
    for _ in 0..<seconds * 20 {
      if let line = try JobJournal(jobFolder).lines.first(where: fits) { return line }
      try await Task.sleep(for: .milliseconds(50))
    }
    return nil
  }
}
