import OrderedJSON
import Planning
import Storage
import TestSupport

/// A file of a golden case that other bytes are put in place of.
struct PlanningPart {
  /// The case and the file, e.g. `dora adapter/adapter_config.json`.
  let title: String
  private let place: FuzzCase
  private let path: String
  private let whole: [UInt8]
  /// The text that stands for the file: itself, or of a safetensors file the header.
  private let text: [UInt8]
  private let tensors: [UInt8]?

  /// The files of a case that planning reads as text.
  static func all(of place: FuzzCase) throws -> [PlanningPart] {
    try [
      "adapter/adapter_config.json", "adapter/adapter_model.safetensors", "base/config.json",
      "base/model.safetensors.index.json",
    ].compactMap { name in
      let path = Path.join(Path.parent(place.base), name)
      return try FileStatus.of(path) == nil ? nil : PlanningPart(name, path, place)
    }
  }

  private init(_ name: String, _ path: String, _ place: FuzzCase) throws {
    title = place.name + " " + name
    self.path = path
    self.place = place
    whole = try WholeFile.read(path)
    if name.hasSuffix(".safetensors") {
      let count = whole[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      text = Array(whole[8..<(8 + count)])
      tensors = Array(whole[(8 + count)...])
    } else {
      text = whole
      tensors = nil
    }
  }

  /// The input that stands for the file as it is.
  var seed: [UInt8] { Array((title + "\n").utf8) + text }

  /// Does something with the case while another text is in the file.
  func with<Result>(_ text: [UInt8], _ body: (FuzzCase) throws -> Result) throws -> Result {
    try FuzzPlace.put(tensors.map { SampleFile.raw(text) + $0 } ?? text, at: path)
    let result = Swift.Result { try body(place) }
    try FuzzPlace.put(whole, at: path)
    return try result.get()
  }
}
