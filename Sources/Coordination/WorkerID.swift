/// Names a worker's process: the public key it proved, and the random number of its life. A worker
/// that is started again is a new worker; one that only reconnects is the same.
package struct WorkerID: Hashable, Comparable, Sendable {
  /// The authenticated key, in Z85.
  package var key: String
  /// `Envelope.session`.
  package var session: UInt64

  package init(key: String, session: UInt64) {
    self.key = key
    self.session = session
  }

  package static func < (a: WorkerID, b: WorkerID) -> Bool {
    (a.session, a.key) < (b.session, b.key)
  }
}
