// What files of /proc say.
import Storage

enum ProcFile {
  /// The whole text; empty where the file is gone or never was.
  static func text(of path: String) -> String { KernelFile.text(path) ?? "" }

  /// What stands behind a name and a colon at the head of a line: `VmHWM:     1234 kB`,
  /// `model name\t: Some CPU`.
  static func value(of name: String, in text: String) -> Substring? {
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let key = line[..<colon].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if key == name { return line[line.index(after: colon)...].drop(while: \.isWhitespace) }
    }
    return nil
  }

  /// A value in kB, in bytes; 0 where there is none.
  static func byteCount(of name: String, in text: String) -> Int64 {
    let words = (value(of: name, in: text) ?? "").split(separator: " ")
    return words.count == 2 ? (Int64(words[0]) ?? 0) * 1024 : 0
  }
}
