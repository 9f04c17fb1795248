/// A cluster that is broken on purpose: the simulation must find every one of these.
package enum Sabotage: String, Sendable, CaseIterable {
  /// Flushes say that they are done, and do nothing.
  case skipsFlush
  /// Workers take an earlier coordinator's words for the latest's.
  case obeysOldEpochs
  /// A worker says a result once and never again.
  case forgetsResends
  /// Shards are committed and published on their writer's word alone.
  case publishesUnverified
  /// A restarted coordinator hands out what is committed already.
  case forgetsCommits
}
