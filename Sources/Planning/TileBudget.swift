// How a worker's memory is split. Pure arithmetic, so that a plan can print the peak; nothing here
// depends on a tensor's size or on a rank, and the split never changes a byte of the output.

/// Sizes of everything a merge allocates.
///
/// Half of the limit goes to buffers; the rest is for the runtime, the page tables and the slice of
/// the plan. Two fifths of the buffers hold packed right factors, shared by all threads; the rest
/// is divided among the threads. On top come the norms of a DoRA tensor: at most 16 bytes a column
/// (or row) of the one being merged.
package struct TileBudget: Equatable, Sendable {
  package var threads: Int
  /// Packed right factors that stay in memory while the tiles of a tensor pass by.
  package var panelByteCount: Int
  /// A thread's part of a tensor as read, and the same again as written.
  package var tileByteCount: Int
  /// Numbers being worked on; three such blocks a thread (value, variant, long sums).
  package var blockByteCount: Int
  /// Packed rows of left factors.
  package var leftByteCount: Int
  /// A packed piece of a right factor that is too large to stay.
  package var segmentByteCount: Int
  /// Bytes of a factor as read.
  package var readByteCount: Int
  /// A run of numbers on its way from bytes to its place; two such runs a thread.
  package var lineByteCount: Int

  /// What the process needs beside the buffers.
  package static let runtimeByteCount: Int64 = 64_000_000
  /// Tiles are this large where nothing asks for more: they stay in a core's cache.
  package static let streamByteCount = 2 << 20
  /// Bytes that are written together, where files are written past the page cache.
  package static let writeBlockByteCount = 1 << 20
  /// Totals of a tile's measured runs, for each thread.
  package static let measuredByteCount = 384 << 10

  package init(memoryByteCount: Int64 = 256_000_000, threads: Int) {
    let threads = max(1, threads)
    let buffers = Int(clamping: memoryByteCount / 2 - 8_000_000)
    let total = max(4 << 20, buffers - Self.writingByteCount(threads: threads))
    let share = total / 5 * 3 / threads
    func part(_ divisor: Int, most: Int) -> Int {
      max(64 << 10, min(most, share / divisor)) / 4096 * 4096
    }
    self.threads = threads
    panelByteCount = total / 5 * 2
    tileByteCount = part(6, most: 8 << 20)
    blockByteCount = part(16, most: 1 << 20)
    leftByteCount = part(8, most: 4 << 20)
    segmentByteCount = part(8, most: 4 << 20)
    readByteCount = part(16, most: 1 << 20)
    lineByteCount = part(64, most: 64 << 10)
  }

  /// The same with room for so many elements of one tensor in a tile and in a block.
  package func holding(
    elementCount: Int, elementByteCount: Int, numberByteCount: Int
  ) -> TileBudget {
    var budget = self
    budget.tileByteCount = max(tileByteCount, elementCount * elementByteCount)
    budget.blockByteCount = max(blockByteCount, elementCount * numberByteCount)
    return budget
  }

  /// Elements of a tile of two-byte elements, the common case.
  package var tileElementCount: Int { tileByteCount / 2 }

  /// Bytes of one thread's buffers.
  package var threadByteCount: Int {
    2 * tileByteCount + 3 * blockByteCount + leftByteCount + segmentByteCount + readByteCount
      + 2 * lineByteCount + Self.measuredByteCount
  }

  /// Blocks of a file on their way to the device: one that each thread and the one after it may
  /// have begun, and two that are full.
  package var writeBlockCount: Int { Self.writeBlockCount(threads: threads) }

  private static func writeBlockCount(threads: Int) -> Int { threads + 3 }

  /// Bytes of the blocks of two files: the one before may have as many, until it is flushed.
  private static func writingByteCount(threads: Int) -> Int {
    2 * writeBlockCount(threads: threads) * writeBlockByteCount
  }

  /// The most memory the process holds: all buffers and the runtime.
  package var peakByteCount: Int64 {
    Int64(panelByteCount) + Int64(threads) * Int64(threadByteCount) + Self.runtimeByteCount
      + Int64(Self.writingByteCount(threads: threads))
  }
}
