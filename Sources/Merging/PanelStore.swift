// Packed right factors that stay in memory while the tiles of a tensor pass by, shared by all
// threads.
import Kernels
import Planning
import Storage

/// The right factors in memory.
///
/// Filled between runs of tiles by one thread, only read during them.
final class PanelStore {
  /// Where an update's panels lie; panel 0 holds column `firstColumn` of the tensor first, a
  /// multiple of the panel width at or before the window's first.
  struct Panels: Equatable {
    var offset: Int
    var firstColumn: Int
  }

  private let byteCount: Int
  private var buffer: Buffer?
  private var panels: [Int: Panels] = [:]

  init(byteCount: Int) { self.byteCount = byteCount }

  /// Forgets what is held and loads the right factors of these updates of a tensor, whole.
  func hold(_ updates: [Int], of tensor: TensorMerge, _ bench: Workbench) throws(MergingError) {
    panels.removeAll(keepingCapacity: true)
    let needed = updates.reduce(0) { $0 + tensor.panelByteCount(of: $1) }
    guard needed > 0 else { return }
    invariant(needed <= byteCount, "\(needed) bytes of panels in \(byteCount)")
    if buffer.map({ unsafe $0.bytes.count < needed }) ?? true {
      buffer = nil
      // A little more than needed, so that the next tensor seldom asks for a larger one.
      buffer = Buffer(byteCount: min(byteCount, needed + needed / 4))
    }
    var offset = 0
    for index in updates {
      let columns = tensor.recipe.updates[index].window.columns
      unsafe try tensor.loadRight(
        index, columns: columns, ranks: 0..<tensor.product(of: index)!.rank,
        to: buffer!.bytes.baseAddress! + offset, bench)
      panels[index] = Panels(offset: offset, firstColumn: tensor.aligned(columns.lowerBound))
      offset += tensor.panelByteCount(of: index)
    }
  }

  /// The panel that holds a column of the tensor, where the update's factor is held.
  func panel(
    of update: Int, at column: Int, rank: Int, _ precision: Precision
  ) -> UnsafeRawPointer? {
    guard let held = panels[update] else { return nil }
    let first = (column - held.firstColumn) / precision.panelWidth * precision.panelWidth
    return unsafe UnsafeRawPointer(buffer!.bytes.baseAddress!)
      + held.offset + first * rank * precision.byteCount
  }
}
