// What the worker's machine is told once. The lease comes with the welcome, the time between two
// reports with the answer to each.

/// Who this worker is, and how patient.
package struct WorkerSettings: Equatable, Sendable {
  package var host: String
  package var processID: Int
  package var threads: Int
  /// The most memory a merge of its may use.
  package var memoryByteCount: Int64
  /// When this process will be ended from outside, on the machine's clock; nil where nobody says.
  package var deadline: Int64?
  /// Random, one per process: tells a restarted worker from a repeated message.
  package var life: UInt64

  /// Between two hellos.
  package var helloMilliseconds: Int64 = 1_000
  /// Between two copies of a result that nobody has acknowledged.
  package var resendMilliseconds: Int64 = 2_000
  /// Without a word from any coordinator for longer, an idle worker gives up, and one with work in
  /// its hands: a coordinator that is started again adopts it.
  package var orphanGraceMilliseconds: Int64 = 60_000
  package var orphanGraceWithWorkMilliseconds: Int64 = 600_000
  /// What a running merge may still take after SIGTERM.
  package var lastMergeMilliseconds: Int64 = 20_000
  /// How long a leaving worker waits for its last results to be acknowledged.
  package var lastResultMilliseconds: Int64 = 5_000
  /// How long it waits for its goodbye to be answered, and for dropped work to stop.
  package var farewellMilliseconds: Int64 = 3_000
  /// From being asked to leave to the exit, whatever happens: schedulers kill after 30 s.
  package var departureMilliseconds: Int64 = 22_500
  /// Before its deadline a worker leaves by itself, as if asked to.
  package var departureLeadMilliseconds: Int64 = 30_000

  package init(
    host: String, processID: Int, threads: Int, memoryByteCount: Int64, life: UInt64,
    deadline: Int64? = nil
  ) {
    self.host = host
    self.processID = processID
    self.threads = threads
    self.memoryByteCount = memoryByteCount
    self.deadline = deadline
    self.life = life
  }
}
