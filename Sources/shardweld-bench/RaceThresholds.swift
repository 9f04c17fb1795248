// How slow and how large a merge may be, by row. Times differ from machine to machine, so what is
// held against them is the ratio to the flushed copy of the same round:
//
//   {"merge r16, 2 workers": {"ratio_to_flushed_copy": 3.5, "worker_peak_bytes": 120000000}, …}
import OrderedJSON

struct RaceThresholds {
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  struct Limit: Equatable {
    let row: String
    let ratio: Double
    let workerByteCount: Int64
  }

  let limits: [Limit]

  init(parsing bytes: [UInt8]) throws {
    guard let rows = try JSON(parsing: bytes).members, !rows.isEmpty else {
      throw Malformed(description: "thresholds: expected an object of rows, and at least one")
    }
    limits = try rows.map { row in
      let ratio = row.value["ratio_to_flushed_copy"]?.double
      let byteCount = row.value["worker_peak_bytes"]?.int
      guard let ratio, let byteCount, row.value.members?.count == 2 else {
        throw Malformed(
          description: "thresholds of \"\(row.key)\": expected ratio_to_flushed_copy and "
            + "worker_peak_bytes, found \(row.value.compact)")
      }
      return Limit(row: row.key, ratio: ratio, workerByteCount: Int64(byteCount))
    }
  }

  /// A sentence for each limit that the results do not keep, and for each that they leave open.
  func faults(in results: RaceResults) -> [String] {
    limits.flatMap { limit -> [String] in
      guard let row = results.rows.firstIndex(where: { $0.name == limit.row }),
        let ratio = results.ratio(of: row, toFlushed: true)
      else { return ["\(limit.row): there is a threshold, but it was not measured"] }
      var faults: [String] = []
      if ratio > limit.ratio {
        faults.append(
          "\(limit.row): took \(RaceTable.decimal(ratio, 2)) times as long as cp -r, sync -f; "
            + "at most \(RaceTable.decimal(limit.ratio, 2)) is allowed")
      }
      let byteCount = results.workerPeakByteCount(of: row)
      if byteCount == 0 {
        faults.append("\(limit.row): no worker was seen, so its memory is not known")
      } else if byteCount > limit.workerByteCount {
        faults.append(
          "\(limit.row): a worker held \(RaceTable.megabytes(byteCount)); "
            + "at most \(RaceTable.megabytes(limit.workerByteCount)) is allowed")
      }
      return faults
    }
  }
}
