// A new file's bytes on their way past the page cache, in whole blocks: what the cache would cost
// (a copy into fresh pages, and their eviction) is most of a merge's time. Writers copy their bytes
// into the block that they belong to; a block that is full is written by a thread of its own while
// the writers go on. Every byte of the file comes once, in any order that is nearly the file's.
import Dispatch
import Planning
import Storage

/// Unchecked: everything that changes is read and written under `lock`; of a block's bytes each
/// writer touches its own.
final class BlockStream: @unchecked Sendable {
  private final class Block: @unchecked Sendable {
    let buffer = Buffer(byteCount: TileBudget.writeBlockByteCount)
    var filledByteCount = 0

    /// Lends its first bytes; nobody writes to them meanwhile.
    func lend(
      _ count: Int, _ body: (RawSpan) throws(StorageError) -> Void
    ) throws(StorageError) {
      let bytes = unsafe UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
      try unsafe body(RawSpan(_unsafeBytes: bytes))
    }
  }

  private let write: @Sendable (RawSpan, Int64) throws(StorageError) -> Void
  private let lock = DispatchSemaphore(value: 1)
  /// Blocks that may be taken. More than the writers can leave half full, so that one that waits
  /// waits for a block that is being written.
  private let free: DispatchSemaphore
  private let queue = DispatchQueue(label: "writing")
  private var spare: [Block] = []
  /// By their place in the file.
  private var open: [Int64: Block] = [:]
  private var failure: StorageError?

  private static let size = Int64(TileBudget.writeBlockByteCount)

  /// `write` is given whole blocks, one at a time; it may be called on any thread.
  init(
    blockCount: Int,
    write: @escaping @Sendable (RawSpan, Int64) throws(StorageError) -> Void
  ) {
    // One that ends below its first value is an error to Dispatch, and a last block stays open.
    free = DispatchSemaphore(value: 0)
    for _ in 0..<blockCount { free.signal() }
    self.write = write
  }

  /// Takes some of the file's bytes; throws what an earlier block failed with.
  func append(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
    var done = 0
    while done < bytes.byteCount {
      let (index, start) = (offset + Int64(done)).quotientAndRemainder(dividingBy: Self.size)
      let count = min(bytes.byteCount - done, Int(Self.size - start))
      let block = try block(index)
      unsafe bytes.extracting(done..<done + count).withUnsafeBytes { part in
        unsafe block.buffer.bytes.baseAddress!.advanced(by: Int(start))
          .copyMemory(from: part.baseAddress!, byteCount: count)
      }
      filled(block, index, count)
      done += count
    }
  }

  /// Returns once all whole blocks are written, and gives the last one where it is not whole.
  func finish(
    rest: (RawSpan, Int64) throws(StorageError) -> Void
  ) throws(StorageError) {
    queue.sync {}
    if let failure { throw failure }
    invariant(open.count <= 1, "\(open.count) blocks of a file have holes")
    for (index, block) in open {
      try block.lend(block.filledByteCount) { bytes throws(StorageError) in
        try rest(bytes, index * Self.size)
      }
    }
  }

  private func block(_ index: Int64) throws(StorageError) -> Block {
    func found() throws(StorageError) -> Block? {
      lock.wait()
      defer { lock.signal() }
      if let failure { throw failure }
      return open[index]
    }
    if let block = try found() { return block }
    free.wait()
    lock.wait()
    defer { lock.signal() }
    // Another writer may have been faster.
    if let block = open[index] {
      free.signal()
      return block
    }
    let block = spare.popLast() ?? Block()
    open[index] = block
    return block
  }

  private func filled(_ block: Block, _ index: Int64, _ count: Int) {
    lock.wait()
    block.filledByteCount += count
    let isFull = block.filledByteCount == Int(Self.size)
    if isFull { open[index] = nil }
    lock.signal()
    guard isFull else { return }
    queue.async { self.put(block, at: index) }
  }

  /// Writes a block, unless one before it failed, and takes it back.
  private func put(_ block: Block, at index: Int64) {
    var mine: StorageError?
    if !hasFailed {
      do throws(StorageError) {
        try block.lend(Int(Self.size)) { bytes throws(StorageError) in
          try write(bytes, index * Self.size)
        }
      } catch { mine = error }
    }
    lock.wait()
    if failure == nil { failure = mine }
    block.filledByteCount = 0
    spare.append(block)
    lock.signal()
    free.signal()
  }

  private var hasFailed: Bool {
    lock.wait()
    defer { lock.signal() }
    return failure != nil
  }
}
