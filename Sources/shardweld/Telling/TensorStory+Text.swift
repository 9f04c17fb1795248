// A tensor's story for people and programs.
import OrderedJSON
import Planning
import Safetensors

extension TensorStory {
  /// Windows that people are shown of one step; JSON has them all.
  private static let windowsMax = 4

  var text: String {
    var facts = Facts()
    facts.add("tensor", name)
    facts.add("change", change.sentence)
    addSource(to: &facts)
    for (index, step) in steps.enumerated() { add(step, "update \(index + 1)", to: &facts) }
    facts.add("output", "\(dtype.rawValue), \(Shape.text(shape))")
    facts.add("output", digest ?? "no digest yet")
    facts.add("shard", "\(shardName), job \(job)")
    facts.add("shard", Self.text(range))
    if let work {
      work.add(to: &facts)
      return facts.text + work.table
    }
    return facts.text
  }

  private func addSource(to facts: inout Facts) {
    if let adapter = source.adapter {
      facts.add("source", "adapter \(adapter.text)")
      if let file = source.file { facts.add("source", file) }
    } else {
      facts.add("source", source.file ?? "the base, in a shard that the manifest does not name")
    }
    if let range = source.range { facts.add("source", Self.text(range)) }
    if let dtype = source.dtype, let shape = source.shape {
      facts.add("source", "\(dtype.rawValue), \(Shape.text(shape))")
    }
    if let format = source.format { facts.add("source", "dequantised from \(format)") }
    facts.add("source", source.digest ?? "no digest yet")
  }

  private func add(_ step: Step, _ title: String, to facts: inout Facts) {
    facts.add(title, step.rule + (step.origin.isEmpty ? "" : "  (\(step.origin))"))
    facts.add(title, "adapter \(step.adapter.text)")
    for name in step.tensorNames { facts.add(title, "tensor \(name)") }
    for window in step.windows.prefix(Self.windowsMax) { facts.add(title, Self.text(window)) }
    if step.windows.count > Self.windowsMax {
      facts.add(title, "and \(step.windows.count - Self.windowsMax) more windows")
    }
  }

  /// `bytes 128 up to 144 (16 B)`.
  static func text(_ range: Range<Int64>) -> String {
    "bytes \(range.lowerBound) up to \(range.upperBound) "
      + "(\(Amount.bytes(range.upperBound - range.lowerBound)))"
  }

  private static func text(_ window: Window) -> String {
    "rows \(window.rows.lowerBound) up to \(window.rows.upperBound), "
      + "columns \(window.columns.lowerBound) up to \(window.columns.upperBound)"
  }

  // MARK: JSON

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "tensor")
      writer.member("name", name)
      writer.member("dtype", dtype.rawValue)
      writer.member("shape", Shape.json(shape))
      writer.member("change", change.rawValue)
      writer.key("source")
      writer.object { writer in
        writer.member("from", source.adapter == nil ? "base" : "adapter")
        writer.key("adapter")
        if let adapter = source.adapter { adapter.write(to: &writer) } else { writer.value(.null) }
        writer.member("file", .optional(source.file))
        writer.member("offset", .optional(source.range?.lowerBound))
        writer.member("bytes", .optional(source.range.map { $0.upperBound - $0.lowerBound }))
        writer.member("dtype", .optional(source.dtype?.rawValue))
        writer.member("shape", source.shape.map(Shape.json) ?? .null)
        writer.member("dequantizedFrom", .optional(source.format))
        writer.member("digest", .optional(source.digest))
      }
      writer.key("updates")
      writer.array { writer in for step in steps { Self.write(step, to: &writer) } }
      writer.member("job", job)
      writer.member("shard", shardName)
      writer.member("offset", range.lowerBound)
      writer.member("bytes", range.upperBound - range.lowerBound)
      writer.member("digest", .optional(digest))
      writer.key("work")
      if let work { work.write(to: &writer) } else { writer.value(.null) }
    }
    return writer.text + "\n"
  }

  private static func write(_ step: Step, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("adapter")
      step.adapter.write(to: &writer)
      writer.member("rule", step.rule)
      writer.member("origin", .optional(step.origin.isEmpty ? nil : step.origin))
      writer.member("tensors", .array(step.tensorNames.map { .string($0) }))
      writer.key("windows")
      writer.array { writer in
        for window in step.windows {
          writer.object { writer in
            writer.member("rows", Shape.json([window.rows.lowerBound, window.rows.upperBound]))
            writer.member(
              "columns", Shape.json([window.columns.lowerBound, window.columns.upperBound]))
          }
        }
      }
    }
  }
}

extension Change {
  var sentence: String {
    switch self {
    case .changed: "changed by what follows"
    case .taken: "the adapter's own tensor"
    case .converted: "converted to another dtype, otherwise as in the base"
    case .copied: "copied as bytes"
    }
  }
}
