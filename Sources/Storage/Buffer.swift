// Reused memory for tiles: aligned, zeroed, put back with its owner. What one job gives back the
// next one takes: memory that the system hands out anew costs far more than what was touched.
import Glibc
import Synchronization

/// A block of memory of a fixed size, aligned for every vector width; a large one also for reads
/// and writes that pass the page cache.
@safe package final class Buffer {
  /// The whole block. Valid while the buffer lives; who shares it between threads cuts it first.
  package let bytes: UnsafeMutableRawBufferPointer

  package init(byteCount: Int) {
    let size = max(64, byteCount)
    let raw = unsafe Shelf.take(size) ?? Self.make(size)
    unsafe memset(raw, 0, size)
    unsafe bytes = UnsafeMutableRawBufferPointer(start: raw, count: size)
  }

  deinit { unsafe Shelf.put(bytes) }

  private static func make(_ size: Int) -> UnsafeMutableRawPointer {
    var raw: UnsafeMutableRawPointer?
    let alignment = size < File.directByteCount ? 64 : File.directByteCount
    let status = unsafe posix_memalign(&raw, alignment, size)
    invariant(status == 0, "no memory for a buffer of \(size) bytes")
    return unsafe raw!
  }
}

/// Blocks that nobody has, by their size. There are never more of them than were in use at once: a
/// size that is not there lets all others go first.
private enum Shelf {
  /// Addresses.
  private static let blocks = Mutex<[Int: [UInt]]>([:])
  /// Smaller ones are the allocator's own to keep.
  private static let byteCountMin = 64 << 10

  static func take(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= byteCountMin else { return nil }
    let (found, gone) = blocks.withLock { blocks -> (UInt?, [UInt]) in
      if let found = blocks[size]?.popLast() { return (found, []) }
      defer { blocks = [:] }
      return (nil, blocks.values.flatMap { $0 })
    }
    for address in gone { unsafe free(UnsafeMutableRawPointer(bitPattern: address)) }
    return unsafe found.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
  }

  static func put(_ bytes: UnsafeMutableRawBufferPointer) {
    guard bytes.count >= byteCountMin else { return unsafe free(bytes.baseAddress) }
    let (size, address) = (bytes.count, UInt(bitPattern: bytes.baseAddress))
    blocks.withLock { $0[size, default: []].append(address) }
  }
}
