// Paths as text. Separators are found among bytes, never among characters: a combining mark behind
// a "/" makes one character of both, and the kernel knows no characters. Nothing here looks at the
// disk but `absolute` (the working folder) and `resolved`.
import Glibc

package enum Path {
  /// `folder/name`.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.utf8.last == slash ? folder + name : folder + "/" + name
  }

  /// The folder a path lies in; `.` for a bare name, `/` for the root.
  package static func parent(_ path: String) -> String {
    let trimmed = trimming(path)
    guard let last = trimmed.utf8.lastIndex(of: slash) else { return "." }
    return last == trimmed.startIndex ? "/" : String(trimmed[..<last])
  }

  /// The last part of a path.
  package static func name(_ path: String) -> String {
    let trimmed = trimming(path)
    guard let last = trimmed.utf8.lastIndex(of: slash), trimmed != "/" else { return trimmed }
    return String(trimmed[trimmed.utf8.index(after: last)...])
  }

  /// The path from the root, with `.` and `..` resolved as text; links are not followed.
  package static func absolute(_ path: String) -> String {
    var full = path
    if path.utf8.first != slash {
      if let raw = unsafe getcwd(nil, 0) {
        full = unsafe String(cString: raw) + "/" + path
        unsafe free(raw)
      }
    }
    var parts: [Substring] = []
    for part in full.utf8.split(separator: slash).map({ Substring($0) }) where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The path with every link followed; nil where it does not exist.
  package static func resolved(_ path: String) -> String? { Host.kernel.resolve(path) }

  /// True where a name from outside (an index, a peer) is one plain name or a path that stays below
  /// its folder: no root, no `..`, no empty part, no NUL.
  package static func staysInside(_ relative: String) -> Bool {
    guard !relative.utf8.contains(0) else { return false }
    return relative.utf8.split(separator: slash, omittingEmptySubsequences: false)
      .allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
  }

  private static let slash = UInt8(ascii: "/")

  /// Without the slashes at its end.
  private static func trimming(_ path: String) -> String {
    var text = path.utf8[...]
    while text.count > 1, text.last == slash { text = text.dropLast() }
    return String(Substring(text))
  }
}
