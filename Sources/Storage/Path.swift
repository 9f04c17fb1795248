// Paths as text. Nothing here looks at the disk but `absolute` (the working folder) and `resolved`.
import Glibc

package enum Path {
  /// `folder/name`.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The folder a path lies in; `.` for a bare name, `/` for the root.
  package static func parent(_ path: String) -> String {
    let trimmed = trimming(path)
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }

  /// The last part of a path.
  package static func name(_ path: String) -> String {
    let trimmed = trimming(path)
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return trimmed }
    return String(trimmed[trimmed.utf8.index(after: slash)...])
  }

  /// The path from the root, with `.` and `..` resolved as text; links are not followed.
  package static func absolute(_ path: String) -> String {
    var full = path
    if !path.hasPrefix("/") {
      if let raw = unsafe getcwd(nil, 0) {
        full = unsafe String(cString: raw) + "/" + path
        unsafe free(raw)
      }
    }
    var parts: [Substring] = []
    for part in full.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The path with every link followed; nil where it does not exist.
  package static func resolved(_ path: String) -> String? {
    guard let raw = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(raw) }
    return unsafe String(cString: raw)
  }

  /// True where a name from outside (an index, a peer) is one plain name or a path that stays below
  /// its folder: no root, no `..`, no empty part, no NUL.
  package static func staysInside(_ relative: String) -> Bool {
    guard !relative.isEmpty, !relative.hasPrefix("/"), !relative.utf8.contains(0) else {
      return false
    }
    return relative.split(separator: "/", omittingEmptySubsequences: false)
      .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }

  private static func trimming(_ path: String) -> String {
    var text = path[...]
    while text.utf8.count > 1, text.hasSuffix("/") { text = text.dropLast() }
    return String(text)
  }
}
