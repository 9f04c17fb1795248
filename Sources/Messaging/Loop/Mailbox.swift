// How the threads that merge or flush tell their loop something: values in order, and a wake-up.
import Storage
import Synchronization

/// A queue from any thread to the one loop that owns it.
///
/// Its bound is a matter of the posters: each has few values under way. A loop that left a million
/// of them lying hangs, which is a bug of ours.
package final class Mailbox<Element: Sendable>: Sendable {
  /// Readable while something may lie here: for `Poll.wait`.
  package let wakeUp = WakeUp()
  private let elements = Mutex<[Element]>([])

  package init() {}

  /// Leaves a value and wakes the loop.
  package func post(_ element: Element) {
    let wasEmpty = elements.withLock { elements in
      defer { elements.append(element) }
      invariant(elements.count < 1 << 20, "a mailbox that nobody empties")
      return elements.isEmpty
    }
    if wasEmpty { wakeUp.wake() }
  }

  /// Everything posted since the last call, in order.
  package func takeAll() -> [Element] {
    // First the wake-up, then the values: one posted in between wakes the loop once for nothing.
    wakeUp.drain()
    return elements.withLock { elements in
      defer { elements = [] }
      return elements
    }
  }
}
