// What a merge came to, as its closing summary tells it.
import Ledger
import OrderedJSON
import Planning
import Publishing
import Storage

struct MergeResult {
  let plan: PlanSummary
  let adapters: [PlannedAdapter]
  let selection: ModuleSelection
  let basePath: String
  let totalByteCount: Int64
  /// Of shards that an earlier run had committed.
  let resumedByteCount: Int64
  let resumedJobCount: Int
  var published: PublishedSummary?
  var milliseconds: Int64 = 0
  var workerCount = 0
  var retryCount = 0

  init(_ job: OpenJob) {
    plan = PlanSummary(job.plan)
    adapters = job.plan.adapters
    selection = job.plan.options.selection
    basePath = job.plan.basePath
    totalByteCount = job.plan.jobs.reduce(0) { $0 + $1.byteCount }
    let committed = job.ledger.committed
    resumedJobCount = committed.count
    resumedByteCount = committed.values.reduce(0) { $0 + $1.byteCount }
  }

  func progress(phase: String, byteCount: Int64, jobsDone: Int = 0, workers: Int? = nil) -> Progress
  {
    Progress(
      phase: phase, jobsDone: jobsDone, jobsTotal: plan.jobCount, bytesDone: byteCount,
      bytesTotal: totalByteCount, workers: workers)
  }

  var text: String {
    guard let published else { return "" }
    let seconds = max(1, (milliseconds + 999) / 1000)
    var text = "merged    \(published.output)\n"
    text += "base      \(basePath)\n"
    for adapter in adapters {
      text += "adapter   \(adapter.path)\(adapter.strength == 1 ? "" : " × \(adapter.strength)")\n"
    }
    text += selection.lines
    text += "tensors   \(plan.tensorCount): \(plan.changedCount) changed, "
    if plan.convertedCount > 0 { text += "\(plan.convertedCount) converted, " }
    text += "\(plan.copiedCount) copied\n"
    text += "written   \(Amount.bytes(published.byteCount)) in \(published.shardCount) shards"
    let done = totalByteCount - resumedByteCount
    if milliseconds > 0, done > 0 {
      text +=
        ", \(Amount.duration(seconds: seconds))"
        + ", \(Amount.rate(done * 1000 / max(1, milliseconds)))"
    }
    text += "\n"
    if resumedJobCount > 0 {
      text += "resumed   \(resumedJobCount) of \(plan.jobCount) jobs were done before\n"
    }
    if workerCount > 0 {
      text +=
        "workers   \(workerCount)\(retryCount > 0 ? ", \(retryCount) jobs tried again" : "")\n"
    }
    return text + "digest    \(published.outputDigest)\n"
  }

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("output", published?.output ?? "")
      writer.member("base", basePath)
      writer.member("adapters", .array(adapters.map { .string($0.path) }))
      writer.member("tensors", plan.tensorCount)
      writer.member("changed", plan.changedCount)
      writer.member("converted", plan.convertedCount)
      writer.member("copied", plan.copiedCount)
      writer.member("shards", published?.shardCount ?? 0)
      writer.member("bytes", published?.byteCount ?? 0)
      writer.member("milliseconds", milliseconds)
      writer.member("jobs", plan.jobCount)
      writer.member("jobsResumed", resumedJobCount)
      writer.member("workers", workerCount)
      writer.member("retries", retryCount)
      writer.member("digest", published?.outputDigest ?? "")
    }
    return writer.text + "\n"
  }
}
