import Testing

@Test func `lines stay within 100 columns`() {
  // Tests quote whole sentences, which no line break may cut.
  for file in SourceTree.code where file.path.hasPrefix("Sources/") {
    for (index, line) in file.lines.enumerated() {
      #expect(line.count <= 100, "\(file.path):\(index + 1) has \(line.count) columns")
    }
  }
}

@Test func `files stay short enough to be read at once`() {
  for file in SourceTree.code where file.path.hasPrefix("Sources/") {
    #expect(file.lines.count <= 320, "\(file.path) has \(file.lines.count) lines")
  }
}

@Test func `no file or type is a drawer for odds and ends`() {
  for file in SourceTree.code where file.path.hasPrefix("Sources/") {
    for word in ["Utils", "Helpers", "Common", "Manager"] {
      #expect(!file.path.contains(word), "\(file.path)")
    }
  }
}

@Test func `no error is thrown away and nothing is left to be done`() {
  for file in SourceTree.code where file.path.hasPrefix("Sources/") {
    for word in ["try" + "!", "= try" + "? ", "(try" + "? ", "TO" + "DO", "FIX" + "ME"] {
      #expect(!file.text.contains(word), "\(file.path) contains \(word)")
    }
  }
}

@Test func `the project speaks of itself alone`() {
  let foreign = ["/" + "work/", "/" + "farm", ".." + "/shared"]
  for file in SourceTree.code + SourceTree.prose {
    for word in foreign {
      #expect(!file.text.contains(word), "\(file.path) contains \(word)")
    }
  }
}

@Test func `scripts stop at the first error and stay short`() {
  let scripts = SourceTree.files("Scripts", [""])
  #expect(scripts.count >= 4)
  for file in scripts {
    #expect(file.text.hasPrefix("#!/usr/bin/env bash\n"), "\(file.path)")
    #expect(file.text.contains("\nset -euo pipefail\n"), "\(file.path)")
    #expect(file.lines.count <= 61, "\(file.path) has \(file.lines.count) lines")
  }
}

@Test func `every module says what its errors mean`() {
  for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
    guard file.path.hasSuffix("Error.swift") else { continue }
    let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
    let siblings = SourceTree.swift.filter { $0.path.hasPrefix(folder + "/") }
    #expect(
      siblings.contains { $0.text.contains("var sentence: String") }, "\(file.path) has no sentence"
    )
  }
}
