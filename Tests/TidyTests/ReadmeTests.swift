import TestSupport
import Testing

@Suite struct ReadmeTests {
  private var readme: SourceFile {
    get throws { try #require(SourceTree.prose.first { $0.path == "README.md" }) }
  }

  /// First cells of the table of kinds, each kind with whether it is merged.
  private var kinds: [String: Bool] {
    get throws {
      let rows = try readme.lines.drop { $0 != "| `peft_type` | merged | what to know |" }
        .dropFirst(2).prefix { $0.hasPrefix("|") }
      var kinds: [String: Bool] = [:]
      for row in rows {
        let cells = row.split(separator: "|").map { $0.trimmingPrefix(" ") }
        for word in cells[0].split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") })
        where PEFTKinds.all.contains(String(word)) && kinds[String(word)] == nil {
          kinds[String(word)] = cells[1].hasPrefix("yes")
        }
      }
      return kinds
    }
  }

  @Test(arguments: PEFTKinds.all)
  func `the table of kinds has every kind, with what is true of it`(_ kind: String) throws {
    let refusals = try #require(
      SourceTree.swift.first { $0.path.hasSuffix("FamilyRefusals.swift") })
    let isMerged = !refusals.text.contains("\"\(kind)\"")
    #expect(try kinds[kind] == isMerged)
  }
}
