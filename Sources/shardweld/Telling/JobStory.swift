// The story of one job, which is that of its shard: what the shard holds and who made it.
import Ledger
import OrderedJSON
import Planning
import Publishing
import Safetensors

/// A job's whole story.
struct JobStory {
  /// A tensor of the shard.
  struct Line: Equatable, Sendable {
    var name: String
    var dtype: DType
    var shape: [Int]
    /// In the shard's file, from its start.
    var offset: Int64
    var byteCount: Int64
    var change: Change
    /// What is done to it, empty for a copy.
    var updates: String
  }

  let job: Int
  let shardName: String
  let byteCount: Int64
  let headerByteCount: Int64
  /// nil until it is committed.
  let digest: String?
  /// In file order.
  let tensors: [Line]
  /// nil where the job's folder is gone.
  let work: JobWork?

  /// From a job's folder.
  init(_ history: JobHistory, job id: Int, now: Int64) {
    let plan = history.plan
    let job = plan.jobs[id]
    self.job = id
    shardName = job.shardName
    byteCount = job.byteCount
    headerByteCount = job.headerByteCount
    digest = history.committed[id]?.digest
    tensors = job.recipes.map { recipe in
      Line(
        name: recipe.name, dtype: recipe.dtype, shape: recipe.shape,
        offset: job.headerByteCount + recipe.offset, byteCount: recipe.byteCount,
        change: recipe.change(plan.inputs), updates: recipe.summary(plan.inputs))
    }
    work = JobWork(history, job: id, now: now)
  }

  /// From the manifest alone.
  init(_ manifest: Manifest, shard id: Int) {
    let shard = manifest.shards[id]
    job = id
    shardName = shard.name
    byteCount = shard.byteCount
    headerByteCount = shard.headerByteCount
    digest = shard.digest
    tensors = zip(shard.tensors, shard.ranges).map { tensor, range in
      Line(
        name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, offset: range.lowerBound,
        byteCount: tensor.byteCount, change: tensor.change,
        updates: tensor.updates.map(\.parts.rule).joined(separator: "; "))
    }
    work = nil
  }

  private var counts: ChangeCounts { ChangeCounts(tensors.lazy.map(\.change)) }

  var text: String {
    var facts = Facts()
    facts.add("job", "\(job)")
    facts.add("shard", shardName)
    facts.add("bytes", "\(byteCount) (\(Amount.bytes(byteCount))), header \(headerByteCount)")
    facts.add("tensors", counts.text)
    facts.add("digest", digest ?? "not yet")
    work?.add(to: &facts)
    var table = Table(
      .text("tensor"), .text("dtype"), .text("shape"), .number("offset"), .number("bytes"),
      .text("change"))
    for line in tensors {
      table.add(
        line.name, line.dtype.rawValue, Shape.text(line.shape), "\(line.offset)",
        Amount.bytes(line.byteCount), line.updates.isEmpty ? line.change.rawValue : line.updates)
    }
    return facts.text + (work?.table ?? "") + (work?.eventsText ?? "") + "\ntensors\n"
      + table.text(indent: 2)
  }

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "job")
      writer.member("job", job)
      writer.member("shard", shardName)
      writer.member("bytes", byteCount)
      writer.member("headerBytes", headerByteCount)
      writer.member("digest", .optional(digest))
      counts.write(to: &writer)
      writer.key("work")
      if let work { work.write(to: &writer) } else { writer.value(.null) }
      writer.key("events")
      writer.array { writer in
        for entry in work?.events ?? [] { EventText.write(entry, to: &writer) }
      }
      writer.key("contents")
      writer.array { writer in for line in tensors { Self.write(line, to: &writer) } }
    }
    return writer.text + "\n"
  }

  private static func write(_ line: Line, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("name", line.name)
      writer.member("dtype", line.dtype.rawValue)
      writer.member("shape", Shape.json(line.shape))
      writer.member("offset", line.offset)
      writer.member("bytes", line.byteCount)
      writer.member("change", line.change.rawValue)
      writer.member("updates", .optional(line.updates.isEmpty ? nil : line.updates))
    }
  }
}
