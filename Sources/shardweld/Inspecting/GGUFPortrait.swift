// A file of llama.cpp as `inspect` shows it: from its header, no weight is read.
import GGUF
import OrderedJSON
import Storage

/// What is told of a model's file or files.
struct GGUFPortrait {
  let model: GGUFModel
  /// Lists every tensor instead of groups of them.
  let listsTensors: Bool

  /// Also a folder's name may end so; it is none.
  static func isMeant(_ path: String) throws(CommandError) -> Bool {
    guard path.hasSuffix(GGUFFile.ending) else { return false }
    do { return try FileStatus.of(path)?.isFolder == false } catch { throw .storage(error) }
  }

  static func read(_ path: String, listsTensors: Bool) throws(CommandError) -> GGUFPortrait {
    do {
      return GGUFPortrait(model: try GGUFModel.read(path), listsTensors: listsTensors)
    } catch { throw .gguf(error) }
  }

  private var tensors: [GGUFTensor] { model.files.flatMap(\.tensors) }
  private var fileByteCount: Int64 { model.files.reduce(0) { $0 + $1.fileByteCount } }
  private var elementCount: Int { tensors.reduce(0) { $0 + $1.elementCount } }
  private var groups: [TensorGroup] {
    TensorGroup.groups(tensors.lazy.map { ($0.name, $0.type.name, $0.shape, $0.byteCount) })
  }
  private var shares: [DTypeShare] {
    DTypeShare.shares(tensors.lazy.map { ($0.type.name, $0.byteCount) })
  }

  // MARK: Text

  var text: String {
    var facts = Facts()
    facts.add("gguf", model.files[0].path)
    let files = Amount.count(model.files.count, "file")
    facts.add("files", "\(files), \(Amount.bytes(fileByteCount))")
    facts.add("version", String(model.files[0].version))
    let count = Amount.count(tensors.count, "tensor")
    facts.add("tensors", "\(count), \(Amount.count(elementCount, "element"))")
    DTypeShare.add(shares, to: &facts)
    for field in model.fields {
      facts.add("metadata", "\(field.key): \(Self.text(field))")
    }
    return facts.text + "\n" + table.text()
  }

  private var table: Table {
    guard listsTensors else { return TensorGroup.table(groups) }
    var table = Table(
      .text("dtype"), .text("shape"), .number("bytes"), .text("file"), .number("offset"),
      .text("tensor"))
    for file in model.files {
      for tensor in file.tensors {
        table.add(
          tensor.type.name, Shape.text(tensor.shape), Amount.bytes(tensor.byteCount),
          Path.name(file.path), String(file.dataOffset + tensor.byteRange.lowerBound),
          tensor.name)
      }
    }
    return table
  }

  /// A value on one line: lists and long texts are cut.
  private static func text(_ field: GGUFField) -> String {
    guard case .array(let type, let count) = field.value else { return text(field.value) }
    let shown = field.elements(4).map(text).joined(separator: ", ")
    return "\(count) \(type.name) [\(shown)\(count > 4 ? ", …" : "")]"
  }

  private static func text(_ value: GGUFValue) -> String {
    guard case .string(let text) = value else { return json(value).compact }
    let cut = text.unicodeScalars.count > 60
    return JSON.string(cut ? String(text.unicodeScalars.prefix(60)) + "…" : text).compact
  }

  private static func json(_ value: GGUFValue) -> JSON {
    switch value {
    case .unsigned(let number): .integer(number)
    case .signed(let number): .integer(number)
    // What was a float32 in the file is told as one.
    case .float(let number):
      number.isFinite
        ? .number(Double(Float(number)) == number ? "\(Float(number))" : "\(number)")
        : .string("\(number)")
    case .bool(let flag): .bool(flag)
    case .string(let text): .string(text)
    case .array(let type, let count): .string("\(count) \(type.name)")
    }
  }

  // MARK: JSON

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "gguf")
      writer.member("path", model.files[0].path)
      writer.member("files", .array(model.files.map { .string(Path.name($0.path)) }))
      writer.member("fileByteCount", fileByteCount)
      writer.member("version", Int(model.files[0].version))
      writer.member("architecture", model["general.architecture"].map(Self.json) ?? .null)
      writer.member("tensorCount", tensors.count)
      writer.member("elementCount", elementCount)
      DTypeShare.write(shares, &writer)
      writer.key("metadata")
      writer.object { writer in
        // Lists have their length alone: a vocabulary is no part of a portrait.
        for field in model.fields { writer.member(field.key, Self.json(field.value)) }
      }
      writer.key("groups")
      TensorGroup.write(groups, &writer)
      if listsTensors { writeTensors(&writer) }
    }
    return writer.text + "\n"
  }

  private func writeTensors(_ writer: inout JSONWriter) {
    writer.key("tensors")
    writer.array { writer in
      for file in model.files {
        for tensor in file.tensors {
          writer.object { writer in
            writer.member("name", tensor.name)
            writer.member("dtype", tensor.type.name)
            writer.member("shape", Shape.json(tensor.shape))
            writer.member("file", Path.name(file.path))
            writer.member("offset", file.dataOffset + tensor.byteRange.lowerBound)
            writer.member("byteCount", tensor.byteCount)
          }
        }
      }
    }
  }
}
