// A model's file, or the several that llama-gguf-split made of it:
//
//   model-Q4_K_M-00001-of-00003.gguf      all metadata, perhaps no tensor
//   model-Q4_K_M-00002-of-00003.gguf      split.no, split.count and split.tensors.count alone
import Storage

/// All files of a model.
package struct GGUFModel: Equatable, Sendable {
  /// In the order of their numbers.
  package let files: [GGUFFile]

  /// Metadata of the model: that of its first file.
  package var fields: [GGUFField] { files[0].fields }

  /// Tensors that are made of blocks, by name.
  package var blocks: [String: GGUFTensor] {
    Dictionary(
      uniqueKeysWithValues: files.lazy.flatMap(\.tensors).filter { !$0.type.isPlain }
        .map { ($0.name, $0) })
  }

  /// The value of a key, nil where there is none.
  package subscript(key: String) -> GGUFValue? { files[0][key] }

  /// Reads a file and, where its name counts it among several, the others beside it.
  package static func read(_ path: String) throws(GGUFError) -> GGUFModel {
    guard let split = SplitName(Path.name(path)) else {
      let file = try GGUFFile.read(path)
      if let count = file["split.count"]?.int, count > 1 {
        throw .set(path: path, .unnamed(count: count))
      }
      return GGUFModel(files: [file])
    }
    var files: [GGUFFile] = []
    for (index, name) in split.names.enumerated() {
      let part = Path.join(Path.parent(path), name)
      let isThere: Bool
      do throws(StorageError) { isThere = try FileStatus.of(part) != nil } catch {
        throw .storage(error)
      }
      guard isThere else { throw .set(path: path, .missing(name: name)) }
      let file = try GGUFFile.read(part)
      try check(file, "split.no", index)
      try check(file, "split.count", split.count)
      files.append(file)
    }
    let tensorCount = files.reduce(0) { $0 + $1.tensors.count }
    for file in files { try check(file, "split.tensors.count", tensorCount) }
    try checkNames(files)
    return GGUFModel(files: files)
  }

  private static func check(
    _ file: GGUFFile, _ key: String, _ expected: Int
  ) throws(GGUFError) {
    let found = file[key]?.int
    guard found == expected else {
      throw .set(path: file.path, .key(key, expected: expected, found: found))
    }
  }

  private static func checkNames(_ files: [GGUFFile]) throws(GGUFError) {
    var owners: [String: String] = [:]
    for file in files {
      for tensor in file.tensors {
        if let first = owners.updateValue(file.path, forKey: tensor.name) {
          throw .set(path: file.path, .repeatedTensor(tensor.name, first: first))
        }
      }
    }
  }
}

/// `STEM-00002-of-00003.gguf`, taken apart.
package struct SplitName {
  package let stem: String
  package let count: Int

  package init(stem: String, count: Int) {
    self.stem = stem
    self.count = count
  }

  /// nil where a name does not count itself.
  package init?(_ name: String) {
    // -00002-of-00003.gguf
    let tail = Array(name.utf8.suffix(20))
    guard tail.count == 20, name.utf8.count > 20, tail[0] == UInt8(ascii: "-"),
      tail[6..<10].elementsEqual("-of-".utf8), tail[15...].elementsEqual(".gguf".utf8),
      let number = Self.number(tail[1..<6]), let count = Self.number(tail[10..<15]),
      (1...max(1, count)).contains(number), count > 0
    else { return nil }
    stem = String(decoding: name.utf8.dropLast(20), as: UTF8.self)
    self.count = count
  }

  /// Of all files of the set.
  package var names: [String] { (1...count).map(name) }

  package func name(of number: Int) -> String {
    "\(stem)-\(Self.padded(number))-of-\(Self.padded(count)).gguf"
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
