// What is left on the disk after the power went.
import TestSupport

extension DiskImage {
  /// The disk itself loses its power: what was not flushed goes as the loss says.
  mutating func cutPower(_ loss: Loss, _ generator: inout SeededGenerator) {
    keepNames(loss, &generator)
    for index in Int32(0)..<Int32(nodes.count) {
      if self[index].isFolder {
        self[index].names = self[index].durableNames
      } else {
        self[index].content.cutPower(loss, &generator)
      }
    }
    forgetProcesses()
    countLinks()
  }

  /// One host of a network loses its power, and with it the bytes that lay in its cache.
  mutating func cutPower(
    ofHost host: Int32, _ loss: Loss, _ generator: inout SeededGenerator
  ) {
    for index in Int32(0)..<Int32(nodes.count) where self[index].content.writer == host {
      self[index].content.cutPower(loss, &generator)
    }
    countLinks()
  }

  /// Decides which changes of names had reached the platter.
  private mutating func keepNames(_ loss: Loss, _ generator: inout SeededGenerator) {
    let all = changes
    changes = []
    var count = all.count
    switch loss {
    case .nothing, .contents, .scattered: break
    case .everything, .names: count = 0
    case .journalled: count = Int(generator.next() % UInt64(all.count + 1))
    }
    for change in all.prefix(count) {
      if loss == .scattered, generator.next() & 1 == 0 { continue }
      if let half = change.first { keep(half) }
      guard let half = change.second else { continue }
      let mayBeLost = loss == .scattered && canSplit(change)
      if !(mayBeLost && generator.next() & 1 == 0) { keep(half) }
    }
  }
}
