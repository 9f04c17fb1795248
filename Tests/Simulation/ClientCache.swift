// What a host of a network file system remembers of folders and files, and for how long.

/// The attribute cache of one host.
struct ClientCache {
  private struct Remembered<Value> {
    var value: Value
    /// Until when it is believed.
    var until: Int64
  }

  private var folders: [Int32: Remembered<NameTable>] = [:]
  private var files: [Int32: Remembered<DiskNode>] = [:]

  /// Names of a folder as the host believes them to be.
  mutating func names(
    _ folder: Int32, _ image: DiskImage, now: Int64, _ age: () -> Int64
  ) -> NameTable {
    if let held = folders[folder], held.until > now { return held.value }
    let fresh = Remembered(value: image[folder].names, until: now + age())
    folders[folder] = fresh
    return fresh.value
  }

  /// A file or folder as the host believes it to be.
  mutating func node(
    _ node: Int32, _ image: DiskImage, now: Int64, _ age: () -> Int64
  ) -> DiskNode {
    if let held = files[node], held.until > now { return held.value }
    let fresh = Remembered(value: image[node], until: now + age())
    files[node] = fresh
    return fresh.value
  }

  /// The host looked anew, or changed it itself.
  mutating func forget(_ node: Int32) {
    folders[node] = nil
    files[node] = nil
  }

  mutating func forgetAll() {
    folders = [:]
    files = [:]
  }
}
