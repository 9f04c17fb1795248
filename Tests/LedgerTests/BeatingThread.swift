import Dispatch
import Storage
import Synchronization

/// Another machine's coordinator, as far as its heartbeat goes.
final class BeatingThread: Sendable {
  private let isStopped = Atomic<Bool>(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  init(_ beat: @escaping @Sendable (UInt64) throws -> Void) {
    DispatchQueue.global().async { [self] in
      var number: UInt64 = 1
      while !isStopped.load(ordering: .relaxed) {
        number += 1
        do { try beat(number) } catch { print(error) }
        Host.pause(milliseconds: 50)
      }
      hasEnded.signal()
    }
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    hasEnded.wait()
  }
}
