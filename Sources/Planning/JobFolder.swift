// Names inside a job's folder. Pure text: who reads and writes there is said at each member.
//
//   OUTPUT.shardweld/
//     plan.json                immutable, created once
//     lock                     held (flock) by the live coordinator of this host
//     epoch/000001.json        one per coordinator life
//     attempt/00012-e3-a1.shard, 00012-e3-a1.json
//     commit/00012.json        create-if-absent: the truth about what is done
//     journal/000001.jsonl     history for people; deleting it loses nothing
//     publish/                 the output as it grows; renamed to OUTPUT at the end

/// Where everything of one merge lies until it is published.
package struct JobFolder: Hashable, Sendable {
  package let path: String

  package init(path: String) { self.path = path }

  /// The job's folder of an output: beside it, on the same file system.
  package init(output: String) { path = output + ".shardweld" }

  package var plan: String { path + "/plan.json" }
  package var lock: String { path + "/lock" }
  package var epochs: String { path + "/epoch" }
  package var attempts: String { path + "/attempt" }
  package var commits: String { path + "/commit" }
  package var journals: String { path + "/journal" }
  package var publish: String { path + "/publish" }

  package func epoch(_ number: UInt64) -> String { epochs + "/" + Self.padded(number, 6) + ".json" }
  package func journal(_ number: UInt64) -> String {
    journals + "/" + Self.padded(number, 6) + ".jsonl"
  }
  /// The shard an attempt writes: its own, no other attempt's.
  package func shard(_ attempt: AttemptID) -> String { attempts + "/\(attempt)" + Self.ending }
  /// What the names of attempts' shards end in, whatever format they are in.
  package static let ending = ".shard"
  /// The record a worker leaves beside its finished shard.
  package func record(_ attempt: AttemptID) -> String { attempts + "/\(attempt).json" }
  package func commit(_ job: Int) -> String {
    commits + "/" + Self.padded(UInt64(job), 5) + ".json"
  }
  /// A finished shard under its final name.
  package func published(_ shardName: String) -> String { publish + "/" + shardName }

  private static func padded(_ number: UInt64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
