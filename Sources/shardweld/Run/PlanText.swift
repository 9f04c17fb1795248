// A plan as people and programs read it.
import OrderedJSON
import Planning
import Safetensors
import Storage

struct PlanText {
  let preparation: Preparation
  let flags: MergeFlags
  /// nil where no output is named.
  let freeByteCount: Int64?
  let listsTensors: Bool

  private var plan: MergePlan { preparation.plan }
  private var summary: PlanSummary { PlanSummary(plan) }
  /// Of one worker.
  private var peakByteCount: Int64 {
    TileBudget(memoryByteCount: flags.memoryLimit ?? MemoryLimit.usual, threads: flags.threads ?? 1)
      .peakByteCount
  }

  var text: String {
    let summary = self.summary
    var text = "base      \(plan.basePath)\n"
    for adapter in plan.adapters {
      let strength = adapter.strength == 1 ? "" : "  × \(adapter.strength)"
      text += "adapter   \(adapter.path)  (\(adapter.kind))\(strength)\n"
    }
    text += plan.options.selection.lines
    if plan.options.accumulation != .f32 {
      text += "numbers   \(plan.options.accumulation.contract)\n"
    }
    if !flags.output.isEmpty { text += "output    \(Path.absolute(flags.output))\n" }
    text += "tensors   \(summary.tensorCount): \(summary.changedCount) changed, "
    if summary.convertedCount > 0 { text += "\(summary.convertedCount) converted, " }
    text += "\(summary.copiedCount) copied\n"
    for (title, count) in summary.forms.sorted(by: { $0.key < $1.key }) {
      text += "weights   \(count) dequantised from \(title)\n"
    }
    for (title, count) in summary.requantized.sorted(by: { $0.key < $1.key }) {
      text += "weights   \(count) merged and put back into \(title)\n"
    }
    text +=
      "jobs      \(summary.jobCount), the largest \(Amount.bytes(summary.largestJobByteCount))\n"
    text += "read      \(Amount.bytes(summary.readByteCount))\n"
    text += "written   \(Amount.bytes(summary.writtenByteCount))\n"
    text += "disk      \(Amount.bytes(preparation.diskByteCount)) needed"
    if let freeByteCount { text += ", \(Amount.bytes(freeByteCount)) free" }
    text += "\nmemory    at most \(Amount.bytes(peakByteCount)) per worker\n"
    for change in plan.configChanges {
      let path = change.path.joined(separator: ".")
      text += "config    \(path)" + (change.value.map { " = \($0)" } ?? " removed") + "\n"
    }
    for line in unused { text += "unused    \(line)\n" }
    for warning in plan.warnings { text += "warning   \(warning)\n" }
    return text + "\n" + (listsTensors ? tensors : jobs)
  }

  /// Tensors set aside; where many share a reason and not every tensor is asked for, one of them.
  private var unused: [String] {
    let parts = plan.setAside.map { text -> (name: Substring, reason: Substring) in
      let name = text.prefix { $0 != ":" }
      return (name, text.dropFirst(name.count + 2))
    }
    let groups = Dictionary(grouping: parts, by: \.reason)
    var told: Set<Substring> = []
    return parts.compactMap { name, reason in
      let count = groups[reason]!.count
      if count <= Self.unusedMax || listsTensors { return "\(name): \(reason)" }
      return told.insert(reason).inserted ? "\(count) tensors such as \(name): \(reason)" : nil
    }
  }

  /// So many tensors with the same reason are named one by one.
  private static let unusedMax = 6

  private var jobs: String {
    var table = Table(
      .text("shard"), .number("tensors"), .number("changed"), .number("bytes"), .text("from"))
    for job in plan.jobs {
      let changed = job.recipes.filter { !$0.isCopy }.count
      table.add(
        job.shardName, "\(job.recipes.count)", "\(changed)", Amount.bytes(job.byteCount),
        span(job))
    }
    return table.text()
  }

  /// First and last tensor of a job.
  private func span(_ job: MergeJob) -> String {
    guard let first = job.recipes.first, let last = job.recipes.last else { return "" }
    return job.recipes.count == 1 ? first.name : "\(first.name) … \(last.name)"
  }

  private var tensors: String {
    var table = Table(
      .text("tensor"), .text("dtype"), .text("shape"), .text("updates"), .text("shard"))
    for job in plan.jobs {
      for recipe in job.recipes where !recipe.isCopy {
        table.add(
          recipe.name, recipe.dtype.rawValue, "\(recipe.shape)", recipe.summary(plan.inputs),
          job.shardName)
      }
    }
    return table.text()
  }

  var json: String {
    let summary = self.summary
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("base", plan.basePath)
      writer.key("adapters")
      writer.array { writer in
        for adapter in plan.adapters {
          writer.object { writer in
            writer.member("path", adapter.path)
            writer.member("kind", adapter.kind)
            writer.member("strength", .number("\(adapter.strength)"))
          }
        }
      }
      writer.member("contract", plan.options.accumulation.contract)
      for (flag, rules) in plan.options.selection.texts {
        writer.member(String(flag.dropFirst(2)), .array(rules.map { .string($0) }))
      }
      writer.member("tensors", summary.tensorCount)
      writer.member("changed", summary.changedCount)
      writer.member("converted", summary.convertedCount)
      writer.member("copied", summary.copiedCount)
      writer.key("dequantized")
      writer.object { writer in
        for (title, count) in summary.forms.sorted(by: { $0.key < $1.key }) {
          writer.member(title, count)
        }
      }
      if !summary.requantized.isEmpty {
        writer.key("requantized")
        writer.object { writer in
          for (title, count) in summary.requantized.sorted(by: { $0.key < $1.key }) {
            writer.member(title, count)
          }
        }
      }
      writer.member("bytesRead", summary.readByteCount)
      writer.member("bytesWritten", summary.writtenByteCount)
      writer.member("diskNeeded", preparation.diskByteCount)
      writer.member("diskFree", freeByteCount.map { .integer($0) } ?? .null)
      writer.member("peakMemoryPerWorker", peakByteCount)
      writer.key("jobs")
      writer.array { writer in
        for job in plan.jobs { self.job(job, &writer) }
      }
      writer.member("unused", .array(plan.setAside.map { .string($0) }))
      writer.member("warnings", .array(plan.warnings.map { .string($0) }))
    }
    return writer.text + "\n"
  }

  private func job(_ job: MergeJob, _ writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("job", job.id)
      writer.member("shard", job.shardName)
      writer.member("bytes", job.byteCount)
      writer.member("tensors", job.recipes.count)
      writer.key("changed")
      writer.array { writer in
        for recipe in job.recipes where !recipe.isCopy {
          if listsTensors {
            writer.object { writer in
              writer.member("name", recipe.name)
              writer.member("dtype", recipe.dtype.rawValue)
              writer.member("shape", .array(recipe.shape.map { .integer($0) }))
              writer.member("updates", recipe.summary(plan.inputs))
            }
          } else {
            writer.string(recipe.name)
          }
        }
      }
    }
  }
}

extension ModuleSelection {
  /// The rules as summaries show them, a line for each flag.
  var lines: String {
    texts.map { flag, rules in
      "\(flag.dropFirst(2))".padded(to: 10) + rules.joined(separator: "  ") + "\n"
    }.joined()
  }
}
