// `--adapter DIR=0.7`: a folder and how strongly its update counts.
import Storage

/// An adapter as named on the command line.
struct AdapterChoice: Equatable, Sendable {
  /// A folder, a file, or a name from the Hugging Face cache, as typed.
  var path: String
  /// Multiplies the whole update, on top of the adapter's own alpha/r.
  var strength: Double = 1

  /// Reads `DIR` or `DIR=NUMBER`: the last `=` parts them, unless a folder of the whole name
  /// exists.
  init(
    _ text: String,
    exists: (String) throws(StorageError) -> Bool = { path throws(StorageError) in
      try FileStatus.of(path) != nil
    }
  ) throws(UsageError) {
    guard !text.isEmpty else { throw .emptyValue(flag: "--adapter") }
    guard let equals = text.utf8.lastIndex(of: UInt8(ascii: "=")) else {
      self.init(path: text)
      return
    }
    do throws(StorageError) {
      if try exists(text) {
        self.init(path: text)
        return
      }
    } catch {
      // Whoever opens the folder says why that fails; the text is read as if nothing were there.
    }
    let path = String(text[..<equals])
    let number = String(text[text.utf8.index(after: equals)...])
    guard !path.isEmpty else { throw .emptyValue(flag: "--adapter") }
    guard let strength = Double(number), strength.isFinite else {
      throw .badStrength(adapter: path, text: number)
    }
    self.init(path: path, strength: strength)
  }

  init(path: String, strength: Double = 1) {
    self.path = path
    self.strength = strength
  }
}
