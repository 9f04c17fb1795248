// The bytes of a simulated file, twice: as processes see them and as a power cut leaves them.
import TestSupport

/// Bytes in the page cache and on the platter.
struct FileContent {
  static let sectorByteCount = 512

  /// As the cache has them.
  private(set) var bytes: [UInt8] = []
  /// As they survive a power cut.
  private(set) var durable: [UInt8] = []
  /// Written since the last flush, in whole sectors.
  private var dirty: [Range<Int>] = []
  /// The host whose cache holds what is dirty.
  private(set) var writer: Int32 = -1
  /// Pages of a failed flush: the cache shows them, no flush will write them.
  private var hasLostPages = false

  var isDirty: Bool { writer >= 0 }

  /// What a host sees; on a network the unflushed bytes of another one are not there yet.
  func bytes(seenBy host: Int32, isNetwork: Bool) -> [UInt8] {
    isNetwork && isDirty && writer != host ? durable : bytes
  }

  /// Makes the file at least this long, the rest zeros.
  mutating func grow(to count: Int, by host: Int32) {
    guard bytes.count < count else { return }
    bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    writer = host
  }

  mutating func write(_ source: UnsafeRawBufferPointer, at offset: Int, by host: Int32) {
    if isDirty, writer != host { flush() }
    grow(to: offset + source.count, by: host)
    unsafe bytes.withUnsafeMutableBytes { all in
      unsafe UnsafeMutableRawBufferPointer(rebasing: all[offset...]).copyMemory(from: source)
    }
    writer = host
    let size = Self.sectorByteCount
    let sectors = offset / size * size..<(offset + source.count + size - 1) / size * size
    if let last = dirty.last, last.lowerBound...last.upperBound ~= sectors.lowerBound {
      dirty[dirty.count - 1] = last.lowerBound..<max(last.upperBound, sectors.upperBound)
    } else {
      dirty.append(sectors)
    }
  }

  /// The platter gets what was written since the last flush.
  mutating func flush() {
    if hasLostPages {
      durable.append(contentsOf: repeatElement(0, count: max(0, bytes.count - durable.count)))
      for range in dirty {
        let range = range.clamped(to: 0..<bytes.count)
        durable.replaceSubrange(range, with: bytes[range])
      }
    } else {
      durable = bytes
    }
    forget()
  }

  /// A failed flush: what was dirty counts as clean and stays unwritten.
  mutating func losePages() {
    guard isDirty else { return }
    hasLostPages = true
    forget()
  }

  /// Clean pages leave the cache; those lost before show.
  mutating func dropCache() {
    guard !isDirty, hasLostPages else { return }
    bytes = durable
    hasLostPages = false
  }

  /// Turns one bit over, in the cache and on the platter.
  mutating func flip(bit: Int) {
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    if bit / 8 < durable.count { durable[bit / 8] ^= 1 << UInt8(bit % 8) }
  }

  /// The power is gone, and with it what the loss says; the cache is empty.
  mutating func cutPower(_ loss: Loss, _ generator: inout SeededGenerator) {
    if isDirty {
      switch loss {
      case .nothing, .names: flush()
      case .everything: break
      case .contents: keepSize()
      case .journalled, .scattered: scatter(&generator)
      }
    }
    bytes = durable
    hasLostPages = false
    forget()
  }

  private mutating func forget() {
    dirty.removeAll(keepingCapacity: true)
    writer = -1
  }

  private mutating func keepSize() {
    durable.append(contentsOf: repeatElement(0, count: max(0, bytes.count - durable.count)))
  }

  /// Loses all, nothing, or sectors by chance; the size may be the old one.
  private mutating func scatter(_ generator: inout SeededGenerator) {
    switch generator.next() % 3 {
    case 0: return
    case 1: return flush()
    default: break
    }
    let count = generator.next() & 1 == 0 ? durable.count : bytes.count
    keepSize()
    for range in dirty {
      for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.sectorByteCount)
      where generator.next() & 1 == 0 {
        let sector = (start..<start + Self.sectorByteCount).clamped(to: 0..<bytes.count)
        durable.replaceSubrange(sector, with: bytes[sector])
      }
    }
    durable.removeLast(durable.count - count)
  }
}
