// `shardweld-bench scheduler --restart N`: how long a coordinator that is started again needs, from
// opening the ledger of a job with N committed shards to the first assignment for a worker that has
// waited all the while.
import Coordination

/// A coordinator that is started again.
struct SchedulerRestart {
  var jobs: Int
  func run() throws -> Int32 { 1 }
}
