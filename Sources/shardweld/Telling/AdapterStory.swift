// An adapter and the counts of tensors, as plan and manifest both know them.
import OrderedJSON
import Planning
import Publishing

/// An adapter of a merge.
struct AdapterStory: Equatable, Sendable {
  /// Its folder, or where only the manifest is left its folder's name.
  var name: String
  var kind: String
  var strength: Double

  init(_ adapter: PlannedAdapter) {
    (name, kind, strength) = (adapter.path, adapter.kind, adapter.strength)
  }

  init(_ adapter: Manifest.Adapter) {
    (name, kind, strength) = (adapter.name, adapter.kind, adapter.strength)
  }

  var text: String { "\(name) (\(kind))" + (strength == 1 ? "" : " × \(strength)") }

  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", name)
      writer.member("kind", kind)
      writer.member("strength", PlanCodec.number(strength))
    }
  }
}

/// How many tensors are changed, converted and copied.
struct ChangeCounts: Equatable, Sendable {
  var total: Int
  /// Those taken from an adapter included.
  var changed: Int
  var converted: Int
  var copied: Int

  init(_ summary: PlanSummary) {
    (total, changed) = (summary.tensorCount, summary.changedCount)
    (converted, copied) = (summary.convertedCount, summary.copiedCount)
  }

  init(_ changes: some Sequence<Change>) {
    (total, changed, converted, copied) = (0, 0, 0, 0)
    for change in changes {
      total += 1
      switch change {
      case .changed, .taken: changed += 1
      case .converted: converted += 1
      case .copied: copied += 1
      }
    }
  }

  var text: String {
    "\(total): \(changed) changed, " + (converted > 0 ? "\(converted) converted, " : "")
      + "\(copied) copied"
  }

  func write(to writer: inout JSONWriter) {
    writer.member("tensors", total)
    writer.member("changed", changed)
    writer.member("converted", converted)
    writer.member("copied", copied)
  }
}
