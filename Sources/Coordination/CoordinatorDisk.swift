package import Messaging
package import Planning
package import Publishing

/// What became of an order to the disk.
package enum DiskAnswer: Sendable {
  case event(CoordinatorMachine.Event)
  case published(PublishedSummary)
}

/// What the coordinator's loop asks of the disk. Every order but notes, beats and discards is
/// answered once, in `answers`; no call waits for the disk.
package protocol CoordinatorDisk: AnyObject {
  var answers: Mailbox<DiskAnswer> { get }
  /// Looks whether the attempt's files are what its worker says: sizes, header, record.
  func check(_ attempt: AttemptID, byteCount: Int64, digest: String, recordDigest: String)
  /// Makes the attempt the job's shard, durably, and gives it its final name.
  func commit(_ attempt: AttemptID, readBackBy: String)
  func revoke(_ job: Int)
  func discard(_ attempt: AttemptID)
  func publish()
  func note(_ note: CoordinatorMachine.Note)
  /// Shows that this coordinator lives, and looks whether another has taken its place.
  func beat()
  /// Returns when all orders given so far are carried out.
  func drain()
}
