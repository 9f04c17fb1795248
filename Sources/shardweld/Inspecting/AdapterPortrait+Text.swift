// The adapter as text, or as JSON.
import OrderedJSON
import Safetensors

extension AdapterPortrait {
  var text: String {
    var facts = Facts()
    facts.add("adapter", path)
    facts.add("kind", kind)
    if let trainedOn { facts.add("trained on", trainedOn) }
    for member in settings { facts.add(member.key, Self.text(member.value)) }
    for file in files { facts.add("weights", file) }
    let byteCount = tensors.reduce(0) { $0 + $1.byteCount }
    facts.add("tensors", "\(Amount.count(tensors.count, "tensor")), \(Amount.bytes(byteCount))")
    return tensors.isEmpty ? facts.text : facts.text + "\n" + table.text()
  }

  private var table: Table {
    guard listsTensors else {
      var table = Table(.number("modules"), .number("bytes"), .text("module"), .text("parts"))
      for group in ModuleGroup.groups(tensors) {
        table.add(
          Amount.count(group.count), Amount.bytes(group.byteCount), group.pattern, group.parts)
      }
      return table
    }
    var table = Table(.text("dtype"), .text("shape"), .number("bytes"), .text("tensor"))
    for tensor in tensors {
      table.add(
        tensor.dtype.rawValue, Shape.text(tensor.shape), Amount.bytes(tensor.byteCount),
        tensor.name)
    }
    return table
  }

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "adapter")
      writer.member("path", path)
      writer.member("config", config)
      writer.member("files", .array(files.map { .string($0) }))
      writer.member("tensorCount", tensors.count)
      writer.member("byteCount", tensors.reduce(0) { $0 + $1.byteCount })
      writer.key("modules")
      writer.array { writer in
        for group in ModuleGroup.groups(tensors) {
          writer.object { writer in
            writer.member("pattern", group.pattern)
            writer.member("count", group.count)
            writer.member("parts", group.parts)
            writer.member("byteCount", group.byteCount)
          }
        }
      }
      if listsTensors {
        writer.key("tensors")
        writer.array { writer in
          for tensor in tensors {
            writer.object { writer in
              writer.member("name", tensor.name)
              writer.member("dtype", tensor.dtype.rawValue)
              writer.member("shape", Shape.json(tensor.shape))
              writer.member("byteCount", tensor.byteCount)
            }
          }
        }
      }
    }
    return writer.text + "\n"
  }
}
