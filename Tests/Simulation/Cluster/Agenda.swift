/// What is to happen, earliest first; what is due at the same time happens in the order it was put.
package struct Agenda<Happening> {
  private struct Entry {
    var time: Int64
    var order: Int
    var happening: Happening
  }

  private var heap: [Entry] = []
  private var count = 0

  package init() {}

  package mutating func put(_ happening: Happening, at time: Int64) {
    count += 1
    heap.append(Entry(time: time, order: count, happening: happening))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard isBefore(child, parent) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// When the first is due.
  package var firstTime: Int64? { heap.first?.time }

  package mutating func takeFirst() -> (time: Int64, happening: Happening)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (first.time, first.happening)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && isBefore(child, least) {
        least = child
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (heap[a].time, heap[a].order) < (heap[b].time, heap[b].order)
  }
}
