// The results of a race for programs: every time, what the table says of them, and the machine they
// were taken on. No path and no host's name.
//
//   {"weights_bytes": 512, "rounds": 3, "merge_flags": [], "packages": {"torch": "2.13.0"},
//    "machine": {"cores": 2, …},
//    "rows": [{"name": "merge r16, 2 workers", "program": "shardweld", "rank": 16,
//              "workers": 2, "verify": "readback", "cache": "hot",
//              "milliseconds": [810.113, …], "median_milliseconds": 810.113,
//              "ratio_to_copy": 1.191,
//              "ratio_to_flushed_copy": 0.72, "peak_bytes": 31, "worker_peak_bytes": 250,
//              "inputs_cached": 1.0}, …]}
import OrderedJSON

struct RaceReport {
  let results: RaceResults
  let machine: HostFacts
  /// Of the base's shards.
  let byteCount: Int64
  let flags: [String]
  /// Versions of the Python packages that peers ran with.
  let packages: [String: String]

  var json: JSON {
    .object([
      Self.member("weights_bytes", .integer(byteCount)),
      Self.member("rounds", .integer(results.runs.map(\.count).max() ?? 0)),
      Self.member("merge_flags", .array(flags.map { .string($0.contains("/") ? "…" : $0) })),
      Self.member(
        "packages",
        .object(
          packages.sorted { $0.key < $1.key }.map { Self.member($0.key, .string($0.value)) })),
      Self.member("machine", machine.json),
      Self.member(
        "rows",
        .array(results.rows.indices.filter { !results.runs[$0].isEmpty }.map { .object(row($0)) })),
    ])
  }

  private func row(_ index: Int) -> [JSON.Member] {
    let row = results.rows[index]
    let times = results.times(of: index)
    var members = [Self.member("name", .string(row.name))] + Self.members(of: row.program)
    members += [
      Self.member("cache", .string(row.isCold ? "cold" : "hot")),
      Self.member("milliseconds", .array(times.map(Self.number))),
      Self.member("median_milliseconds", Self.number(RaceResults.median(times))),
    ]
    for (name, isFlushed) in [("ratio_to_copy", false), ("ratio_to_flushed_copy", true)] {
      if let ratio = results.ratio(of: index, toFlushed: isFlushed) {
        members.append(Self.member(name, Self.number(ratio)))
      }
    }
    return members + [
      Self.member("peak_bytes", .integer(results.peakByteCount(of: index))),
      Self.member("worker_peak_bytes", .integer(results.workerPeakByteCount(of: index))),
      Self.member(
        "inputs_cached", Self.number(RaceResults.median(results.runs[index].map(\.cachedShare)))),
    ]
  }

  private static func members(of program: RaceRow.Program) -> [JSON.Member] {
    switch program {
    case .copy(let isFlushed):
      [member("program", .string("cp")), member("flushed", .bool(isFlushed))]
    case .merge(let rank, let workers, let verify):
      [
        member("program", .string("shardweld")), member("rank", .integer(rank)),
        member("workers", .integer(workers)), member("verify", .string(verify)),
      ]
    case .peer(let peer, let rank):
      [member("program", .string(peer.rawValue)), member("rank", .integer(rank))]
    }
  }

  private static func member(_ key: String, _ value: JSON) -> JSON.Member {
    JSON.Member(key: key, value: value)
  }

  private static func number(_ value: Double) -> JSON { .number(RaceTable.decimal(value, 3)) }
}
