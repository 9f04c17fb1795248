// A clock that stands still until a test moves it.
import Messaging
import Synchronization

/// Seconds since 1970 as a test wants them.
final class TestClock: Sendable {
  private let seconds: Mutex<Int64>

  init(_ text: String) throws { seconds = try Mutex(Self.seconds(text)) }

  var read: @Sendable () -> Int64 { { self.seconds.withLock { $0 } } }

  func set(_ text: String) throws {
    let value = try Self.seconds(text)
    seconds.withLock { $0 = value }
  }

  private static func seconds(_ text: String) throws -> Int64 {
    guard let instant = UTCInstant(text) else { throw MessagingError.badName(text) }
    return instant.seconds
  }
}
