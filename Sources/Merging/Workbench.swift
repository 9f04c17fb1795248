// The buffers of one thread. Each is made when it is first needed and used again for every tile of
// every tensor: nothing is allocated on the way.
import Kernels
import Planning
import Storage

/// One thread's memory.
final class Workbench {
  private(set) var budget: TileBudget

  init(_ budget: TileBudget) { self.budget = budget }

  /// Takes another split of memory, for the next tensor; what is too large or too small goes.
  func fit(_ budget: TileBudget) {
    guard budget != self.budget else { return }
    self.budget = budget
    (source, output, blocks) = (nil, nil, [nil, nil, nil])
  }

  private var source: Buffer?
  private var output: Buffer?

  /// Room for a tile as read, the same until a larger one is asked for.
  func sourceBytes(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    unsafe room(byteCount, in: &source)
  }

  /// Room for a tile as it will be written.
  func outputBytes(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    unsafe room(byteCount, in: &output)
  }

  /// Most tiles are of the streaming size or below; the budget's full size is for those that are
  /// not.
  private func room(
    _ byteCount: Int, in buffer: inout Buffer?
  ) -> UnsafeMutableRawBufferPointer {
    invariant(byteCount <= max(64, budget.tileByteCount), "a tile of \(byteCount) bytes")
    if let buffer, unsafe buffer.bytes.count >= byteCount {
      return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<byteCount])
    }
    let stream = min(budget.tileByteCount, TileBudget.streamByteCount)
    let larger = Buffer(byteCount: byteCount <= stream ? stream : budget.tileByteCount)
    buffer = larger
    return unsafe UnsafeMutableRawBufferPointer(rebasing: larger.bytes[..<byteCount])
  }

  /// The block being worked on, its rows without a gap.
  var value: Buffer { block(0) }
  /// DoRA's V, or the base again where a result is not finite.
  var variant: Buffer { block(1) }
  /// Sums along a rank that is taken in pieces.
  var sums: Buffer { block(2) }

  private var blocks: [Buffer?] = [nil, nil, nil]

  private func block(_ index: Int) -> Buffer {
    if let buffer = blocks[index] { return buffer }
    let buffer = Buffer(byteCount: budget.blockByteCount)
    blocks[index] = buffer
    return buffer
  }

  /// Values of a piece of a quantised weight. Not lazy: a lazy array that is written to in place
  /// is copied first.
  var decoded: [Float] = []
  /// The same in the weight's type, where it is stored transposed.
  private(set) lazy var narrowed = Buffer(byteCount: DecodedSource.turnedElementCount * 4)

  /// Makes room for pieces.
  func prepareDecoding(elementCount: Int) {
    guard decoded.count < elementCount else { return }
    decoded = Array(repeating: 0, count: elementCount)
  }

  /// Packed rows of left factors, several updates' at once; see `leftSlots`.
  private(set) lazy var left = Buffer(byteCount: budget.leftByteCount)
  /// A packed piece of a right factor.
  private(set) lazy var segment = Buffer(byteCount: budget.segmentByteCount)
  /// Bytes of a factor as read.
  private(set) lazy var read = Buffer(byteCount: budget.readByteCount)
  /// Elements picked out of `read`, and the same widened.
  private(set) lazy var picked = Buffer(byteCount: budget.lineByteCount)
  private(set) lazy var line = Buffer(byteCount: budget.lineByteCount)

  /// Three totals for each measured run of a tile, the runs of its rows one after the other.
  var totals: UnsafeMutablePointer<Double> {
    unsafe totalBytes.bytes.baseAddress!.assumingMemoryBound(to: Double.self)
  }
  private lazy var totalBytes = Buffer(byteCount: TileBudget.measuredByteCount)
  /// Runs of the tile that was measured last.
  private(set) var runCount = 0
  /// Of that tile.
  var counts = MeasuredCounts()

  /// Begins to measure a tile of so many runs. Only where a rule needs all of a tensor at once are
  /// they more than there is room for.
  func measure(runs: Int) {
    let byteCount = runs * MeasuredRuns.totals * 8
    if unsafe totalBytes.bytes.count < byteCount { totalBytes = Buffer(byteCount: byteCount) }
    unsafe totals.update(repeating: 0, count: runs * MeasuredRuns.totals)
    runCount = runs
    counts = MeasuredCounts()
  }

  /// What `left` holds: window rows of an update's left factor, from an offset in bytes.
  struct LeftSlot {
    var update: Int
    var rows: Range<Int>
    var offset: Int
  }
  var leftSlots: [LeftSlot] = []
  var leftByteCount = 0

  /// Forgets the packed rows, for another block of rows or another tensor.
  func forgetLeft() {
    leftSlots.removeAll(keepingCapacity: true)
    leftByteCount = 0
  }
}
