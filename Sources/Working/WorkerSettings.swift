// What the worker's machine is told once. The heartbeat and the lease come with the welcome.

/// Who this worker is, and how patient.
package struct WorkerSettings: Equatable, Sendable {
  package var host: String
  package var processID: Int
  package var threads: Int
  /// Random, one per process: tells a restarted worker from a repeated message.
  package var life: UInt64

  /// Between two hellos.
  package var helloMilliseconds: Int64 = 1_000
  /// Between two copies of a result that nobody has acknowledged.
  package var resendMilliseconds: Int64 = 2_000
  /// Without a word from any coordinator for longer, the worker gives up.
  package var orphanGraceMilliseconds: Int64 = 60_000
  /// What a running merge may still take after SIGTERM.
  package var lastMergeMilliseconds: Int64 = 20_000
  /// How long a leaving worker waits for its last results to be acknowledged.
  package var lastResultMilliseconds: Int64 = 5_000
  /// How long it waits for its goodbye to be answered, and for dropped work to stop.
  package var farewellMilliseconds: Int64 = 3_000

  package init(host: String, processID: Int, threads: Int, life: UInt64) {
    self.host = host
    self.processID = processID
    self.threads = threads
    self.life = life
  }
}
