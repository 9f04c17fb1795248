// A worker's place on this machine, which another worker takes when one dies. How many may die is
// the coordinator's to judge, by what they died of; here it is only seen to that a program which
// ends at once does not keep the machine busy with its starts.

/// One place for a worker process.
struct WorkerSeat: Equatable, Sendable {
  /// A life shorter than this makes the next one wait.
  static let shortLifeMilliseconds: Int64 = 1_000
  static let pauseMilliseconds: Int64 = 100
  static let pauseMillisecondsMax: Int64 = 5_000
  /// So many short lives in a row, over more than a minute: the program cannot run here, and no
  /// coordinator ever heard of it.
  static let shortLivesMax = 20

  private var startedAt: Int64 = 0
  private(set) var shortLives = 0
  /// When the next worker starts; nil where one lives, or none will.
  private(set) var dueAt: Int64? = 0

  /// A worker lives here from now on.
  mutating func start(now: Int64) {
    startedAt = now
    dueAt = nil
  }

  /// The worker has died, and another is due, but for the last short life there may be.
  mutating func vacate(now: Int64) {
    guard now - startedAt < Self.shortLifeMilliseconds else {
      shortLives = 0
      dueAt = now
      return
    }
    shortLives += 1
    guard shortLives < Self.shortLivesMax else { return }
    dueAt = now + min(Self.pauseMillisecondsMax, Self.pauseMilliseconds << Int64(shortLives - 1))
  }

  /// Nobody comes any more.
  mutating func close() { dueAt = nil }
}
