// Looks for a secret in all writable memory of this process, and holds no plain copy itself: the
// secret is kept masked, and what is read of the memory is wiped.
import CLinux
import Glibc
import Storage

/// A secret that is looked for.
@safe struct MemoryScan: Sendable {
  private static let mask: UInt8 = 0x5A
  private static let chunkByteCount = 1 << 20

  private let masked: [UInt8]

  /// Takes the first 40 bytes of a file, of which the later half is looked for: memory that was
  /// given back holds the allocator's own words where the first half was.
  init(secretOf path: String) throws {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 40, alignment: 1)
    defer {
      unsafe sw_wipe(block.baseAddress!, block.count)
      unsafe block.deallocate()
    }
    let descriptor = unsafe open(path, O_RDONLY)
    defer { _ = close(descriptor) }
    guard unsafe read(descriptor, block.baseAddress, 40) == 40 else {
      throw StorageError.last(.read, path, errno: errno)
    }
    masked = unsafe block.suffix(20).map { $0 ^ Self.mask }
  }

  /// How many times the secret lies in memory that this process may write.
  func count() throws -> Int {
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.chunkByteCount, alignment: 1)
    defer {
      unsafe sw_wipe(block.baseAddress!, block.count)
      unsafe block.deallocate()
    }
    let own = UInt(bitPattern: block.baseAddress)
    let memory = unsafe open("/proc/self/mem", O_RDONLY)
    guard memory >= 0 else { throw StorageError.last(.open, "/proc/self/mem", errno: errno) }
    defer { _ = close(memory) }
    var found = 0
    for region in try Self.writableRegions() {
      var start = region.lowerBound
      while start + UInt(masked.count) <= region.upperBound {
        let count = min(UInt(block.count), region.upperBound - start)
        let got = unsafe pread(memory, block.baseAddress, Int(count), off_t(start))
        if got < masked.count { break }  // given back since, or not to be read
        for place in unsafe places(in: UnsafeRawBufferPointer(rebasing: block[..<got])) {
          let address = start + UInt(place)
          if address < own || address >= own + UInt(block.count) { found += 1 }
        }
        if count < UInt(block.count) { break }
        start += UInt(got - masked.count + 1)
      }
    }
    return found
  }

  private func places(in bytes: UnsafeRawBufferPointer) -> [Int] {
    let first = Int32(masked[0] ^ Self.mask)
    var places: [Int] = []
    var next = 0
    while next + masked.count <= bytes.count,
      let hit = unsafe memchr(bytes.baseAddress! + next, first, bytes.count - next)
    {
      let place = unsafe UnsafeRawPointer(hit) - bytes.baseAddress!
      guard place + masked.count <= bytes.count else { break }
      if masked.indices.allSatisfy({ unsafe bytes[place + $0] ^ Self.mask == masked[$0] }) {
        places.append(place)
      }
      next = place + 1
    }
    return places
  }

  private static func writableRegions() throws -> [Range<UInt>] {
    // The kernel gives this file no size.
    let descriptor = unsafe open("/proc/self/maps", O_RDONLY)
    guard descriptor >= 0 else { throw StorageError.last(.open, "maps", errno: errno) }
    defer { _ = close(descriptor) }
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor, &part, part.count)
      if count <= 0 { break }
      text += part[..<count]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      let ends = words[0].split(separator: "-")
      guard words[1].hasPrefix("rw"), let lower = UInt(ends[0], radix: 16),
        let upper = UInt(ends[1], radix: 16)
      else { return nil }
      return lower..<upper
    }
  }
}
