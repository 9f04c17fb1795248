// The repository's own files, as the tidy tests look at them.
import Foundation

/// A file of the repository.
struct SourceFile {
  /// From the root, with forward slashes.
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The folder below `Sources` or `Tests`: the target's name.
  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Names of the modules it imports.
  var imports: [String] {
    lines.compactMap { line in
      let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
      guard let place = words.firstIndex(of: "import"), words.count > place + 1,
        words[..<place].allSatisfy({ ["package", "internal", "public", "private"].contains($0) })
      else { return nil }
      return words.last.map { String($0.split(separator: ".")[0]) }
    }
  }
}

enum SourceTree {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// All files below a folder with one of the endings; an empty ending stands for none.
  static func files(_ folder: String, _ endings: Set<String>) -> [SourceFile] {
    let start = root.appending(path: folder)
    let found = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
    var files: [SourceFile] = []
    for case let url as URL in found ?? .init() where endings.contains(url.pathExtension) {
      let path = url.path().dropFirst(root.path().count)
      if path.contains("Fixtures/") { continue }
      if let text = try? String(contentsOf: url, encoding: .utf8) {
        files.append(SourceFile(path: String(path), text: text))
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  static let swift = files("Sources", ["swift"]) + files("Tests", ["swift"])
  static let code = swift + files("Sources", ["c", "h"])
  static let prose =
    files("Scripts", [""]) + files("Deploy", ["", "service", "md"])
    + ["README.md", "Package.swift"].compactMap { name in
      (try? String(contentsOf: root.appending(path: name), encoding: .utf8))
        .map { SourceFile(path: name, text: $0) }
    }
}
