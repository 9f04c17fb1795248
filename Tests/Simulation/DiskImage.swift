// All that lies on a simulated disk, as a value: a copy is cheap and goes its own way. Node 0 is
// the root. Calls answer as a kernel does: 0 or more, or the error's number negated.
import Glibc

/// Files, folders and what of them no flush has reached yet.
struct DiskImage {
  let model: DiskModel
  private(set) var nodes = [DiskNode(isFolder: true, mode: 0o755, modified: 0)]
  /// Bytes of all files that have a name or are open.
  private(set) var byteCount = 0
  /// Changes of names in their order.
  var changes: [NameChange] = []

  init(_ model: DiskModel) { self.model = model }

  // MARK: Paths

  /// Where a path leads.
  struct Place {
    /// The folder of its last name.
    var folder: Int32
    /// -1 where nothing has the name.
    var node: Int32
    /// Of the last name, among the path's bytes.
    var name: Range<Int>
  }

  /// Walks a path from the root. Less than 0 in `folder` is an error: ENOENT or ENOTDIR.
  func find(_ path: String) -> Place {
    let bytes = path.utf8Span.span
    var end = bytes.count
    while end > 1, bytes[end - 1] == Self.slash { end -= 1 }
    var place = Place(folder: 0, node: 0, name: 0..<0)
    var start = 0
    while start < end {
      if bytes[start] == Self.slash {
        start += 1
        continue
      }
      var stop = start
      while stop < end, bytes[stop] != Self.slash { stop += 1 }
      guard place.node >= 0 else { return Place(folder: -ENOENT, node: -1, name: 0..<0) }
      let folder = place.node
      guard nodes[Int(folder)].isFolder else {
        return Place(folder: -ENOTDIR, node: -1, name: 0..<0)
      }
      let node = nodes[Int(folder)].names.node(bytes.extracting(start..<stop))
      place = Place(folder: folder, node: node, name: start..<stop)
      start = stop
    }
    return place
  }

  /// The last name of a path that was found.
  static func name(_ place: Place, _ path: String) -> String {
    let bytes = path.utf8
    let start = bytes.index(bytes.startIndex, offsetBy: place.name.lowerBound)
    return String(path[start..<bytes.index(start, offsetBy: place.name.count)])
  }

  static let slash = UInt8(ascii: "/")

  // MARK: Nodes

  subscript(node: Int32) -> DiskNode {
    get { nodes[Int(node)] }
    _modify { yield &nodes[Int(node)] }
  }

  mutating func add(_ node: DiskNode) -> Int32 {
    nodes.append(node)
    return Int32(nodes.count - 1)
  }

  mutating func open(_ node: Int32) { nodes[Int(node)].openCount += 1 }

  mutating func close(_ node: Int32) {
    nodes[Int(node)].openCount -= 1
    settle(node)
  }

  mutating func count(_ node: Int32, links: Int) {
    nodes[Int(node)].linkCount += links
    settle(node)
  }

  /// Frees the bytes of a file that nobody can reach any more.
  private mutating func settle(_ node: Int32) {
    let file = nodes[Int(node)]
    if file.linkCount == 0, file.openCount == 0 { byteCount -= file.content.bytes.count }
  }

  // MARK: Bytes

  /// Bytes that files may still grow by.
  var freeByteCount: Int { max(0, model.byteCountMax - byteCount) }

  mutating func write(
    _ node: Int32, _ source: UnsafeRawBufferPointer, at offset: Int, by host: Int32, now: Int64
  ) -> Int {
    let before = nodes[Int(node)].content.bytes.count
    let count = min(source.count, before + freeByteCount - offset)
    guard unsafe count > 0 || source.isEmpty else { return -Int(ENOSPC) }
    unsafe nodes[Int(node)].content.write(
      UnsafeRawBufferPointer(rebasing: source[..<count]), at: offset, by: host)
    nodes[Int(node)].modified = now
    byteCount += nodes[Int(node)].content.bytes.count - before
    return count
  }

  mutating func reserve(_ node: Int32, byteCount count: Int, by host: Int32) -> Int32 {
    guard model.canReserve else { return -EOPNOTSUPP }
    let growth = max(0, count - nodes[Int(node)].content.bytes.count)
    guard growth <= freeByteCount else { return -ENOSPC }
    nodes[Int(node)].content.grow(to: count, by: host)
    byteCount += growth
    return 0
  }

  // MARK: After a power cut

  /// No process has anything open or locked any more.
  mutating func forgetProcesses() {
    for index in nodes.indices {
      nodes[index].openCount = 0
      nodes[index].locker = nil
    }
    countBytes()
  }

  /// Counts links and bytes anew, after names came and went at once.
  mutating func countLinks() {
    for index in nodes.indices { nodes[index].linkCount = 0 }
    for index in nodes.indices {
      for entry in nodes[index].names.entries { nodes[Int(entry.node)].linkCount += 1 }
    }
    countBytes()
  }

  private mutating func countBytes() {
    byteCount = nodes.reduce(0) { sum, node in
      node.linkCount + node.openCount > 0 ? sum + node.content.bytes.count : sum
    }
  }
}
