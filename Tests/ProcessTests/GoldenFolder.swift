// A folder as bytes, for comparing outputs whole.
import Foundation

/// Every file below a folder.
struct GoldenFolder {
  /// By relative path.
  var files: [String: Data] = [:]

  init(_ path: String) throws {
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
      var isFolder: ObjCBool = false
      let full = path + "/" + name
      guard unsafe FileManager.default.fileExists(atPath: full, isDirectory: &isFolder),
        !isFolder.boolValue
      else { continue }
      files[name] = try Data(contentsOf: URL(filePath: full))
    }
  }

  var names: [String] { files.keys.sorted() }

  /// Names of files that only one of the folders has, or that differ.
  func differences(_ other: GoldenFolder) -> [String] {
    Set(files.keys).union(other.files.keys).filter { files[$0] != other.files[$0] }.sorted()
  }
}
