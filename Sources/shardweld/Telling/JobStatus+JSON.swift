// The status of a merge for programs. Moments are texts in UTC, spans are milliseconds.
import Ledger
import OrderedJSON
import Planning
import Publishing

extension JobStatus {
  /// Events that a program is given; the journal itself has them all.
  private static let eventsMax = 50

  var json: String {
    let summary = PlanSummary(plan)
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("output", output)
      writer.member("job", history.folder.path)
      writer.member("state", state.rawValue)
      writer.member("reason", .optional(endReason))
      writer.member("base", plan.basePath)
      writer.key("adapters")
      writer.array { writer in
        for adapter in plan.adapters { AdapterStory(adapter).write(to: &writer) }
      }
      ChangeCounts(summary).write(to: &writer)
      writer.member("plan", history.planDigest)
      writer.member("jobsDone", jobsDone)
      writer.member("jobsTotal", jobsTotal)
      writer.member("jobsFailed", verdicts.count)
      writer.key("failed")
      writer.array { writer in
        for (job, reason) in verdicts {
          writer.object { writer in
            writer.member("job", job)
            writer.member("shard", plan.jobs[job].shardName)
            writer.member("reason", reason)
          }
        }
      }
      writer.member("drained", .array(drained.map { .string($0) }))
      writer.member("bytesDone", bytesDone)
      writer.member("bytesTotal", bytesTotal)
      writer.member("bytesPerSecond", .optional(rate))
      writer.member("secondsLeft", .optional(secondsLeft))
      writer.member("digest", .optional(manifest?.outputDigest))
      writeCoordinator(to: &writer)
      writer.member("workers", .array(attempts.workers.map { .string($0) }))
      writeTasks(to: &writer)
      writer.member("attempts", attempts.attemptCount)
      writer.member("retries", attempts.retryCount)
      writer.key("failures")
      writer.array { writer in for entry in failures { EventText.write(entry, to: &writer) } }
      writer.member("setAside", .array(history.setAside.map { .string($0) }))
      writer.key("events")
      writer.array { writer in
        for entry in history.journal.suffix(Self.eventsMax) { EventText.write(entry, to: &writer) }
      }
      writer.member("next", next)
    }
    return writer.text + "\n"
  }

  private func writeCoordinator(to writer: inout JSONWriter) {
    writer.key("coordinator")
    writer.object { writer in
      writer.member("running", .bool(history.isRunning))
      writer.member("host", history.host)
      writer.member("processID", history.processID)
      writer.member("epoch", history.epoch)
      writer.member("endpoint", .optional(endpoint))
    }
  }

  private func writeTasks(to writer: inout JSONWriter) {
    writer.key("inFlight")
    writer.array { writer in
      for story in attempts.underWay {
        guard let task = story.task else { continue }
        let job = plan.jobs[story.id.job]
        writer.object { writer in
          writer.member("job", job.id)
          writer.member("shard", job.shardName)
          writer.member("bytes", job.byteCount)
          writer.member("attempt", "\(story.id)")
          writer.member("task", task.kind.rawValue)
          writer.member("worker", task.worker)
          writer.member("since", .moment(task.since))
          writer.member("milliseconds", .optional(task.since.map { max(0, now - $0) }))
        }
      }
    }
  }
}

extension EventText {
  static func write(_ entry: JournalEntry, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("time", .moment(entry.time))
      writer.member("kind", entry.kind)
      writer.member("job", .optional(entry.attempt?.job))
      // A job's own lines name no attempt of it.
      let attempt = entry.attempt.flatMap { $0.attempt > 0 ? "\($0)" : nil }
      writer.member("attempt", .optional(attempt))
      writer.member("worker", entry.worker)
      writer.member("text", entry.text)
    }
  }
}

extension JSON {
  static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
  static func optional(_ number: (some BinaryInteger)?) -> JSON {
    number.map { .integer($0) } ?? .null
  }
  /// Milliseconds since 1970 as a text.
  static func moment(_ milliseconds: Int64?) -> JSON {
    optional(milliseconds.map { Timestamp.text(milliseconds: $0) })
  }
}
