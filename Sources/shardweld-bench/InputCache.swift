// The inputs of a race in the page cache: all of them for a hot run, none for a cold one, and how
// many there truly are.
import Glibc
import Storage

struct InputCache {
  let paths: [String]

  /// Reads all inputs, so that they come from memory.
  func warm() throws {
    let reader = BlockReader()
    for path in paths {
      let file = try File.open(path)
      try reader.read(file, 0..<file.status().byteCount) { _ in }
    }
  }

  /// Asks for all inputs to be forgotten. Pages that are not on the device yet would stay.
  func drop() throws {
    for path in paths {
      let file = try File.open(path)
      try file.flush()
      file.dropCache()
    }
  }

  /// How much of the inputs is in the page cache, of 1, by mincore(2).
  func share() throws -> Double {
    var (residentCount, count) = (0, 0)
    for path in paths {
      let pages = try Self.pages(of: path)
      count += pages.count
      residentCount += pages.count { $0 & 1 == 1 }
    }
    return count == 0 ? 0 : Double(residentCount) / Double(count)
  }

  /// A byte for each page of a file; the lowest bit says that it is cached.
  private static func pages(of path: String) throws -> [UInt8] {
    let byteCount = Int(try FileStatus.of(path)?.byteCount ?? 0)
    guard byteCount > 0 else { return [] }
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    defer { _ = close(file) }
    let map = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, file, 0)
    guard file >= 0, let map = unsafe map, unsafe map != MAP_FAILED else {
      throw ChildProcess.Failed(description: "cannot map \(path): error \(errno)")
    }
    defer { unsafe _ = munmap(map, byteCount) }
    let pageByteCount = sysconf(Int32(_SC_PAGESIZE))
    var pages = [UInt8](repeating: 0, count: (byteCount + pageByteCount - 1) / pageByteCount)
    guard unsafe mincore(map, byteCount, &pages) == 0 else {
      throw ChildProcess.Failed(description: "cannot tell what of \(path) is cached: \(errno)")
    }
    return pages
  }
}
