/// Names a worker's process: the public key it proved, and the random number of its life. A worker
/// that is started again is a new worker; one that only reconnects is the same.
package struct WorkerID: Hashable, Comparable, Sendable {
  /// The authenticated key, in Z85.
  package var key: String
  /// `Envelope.session`.
  package var life: UInt64

  package init(key: String, life: UInt64) {
    self.key = key
    self.life = life
  }

  /// A worker of an earlier coordinator that has not said who it is: no life has the number 0.
  static func unmet(host: String, processID: Int) -> WorkerID {
    WorkerID(key: "\(host)/\(processID)", life: 0)
  }

  /// `host/processID` of a worker that has not said who it is; nil for all others.
  var unmetLabel: String? { life == 0 ? key : nil }

  package static func < (a: WorkerID, b: WorkerID) -> Bool {
    (a.life, a.key) < (b.life, b.key)
  }
}
