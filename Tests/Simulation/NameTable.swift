// Names in a simulated folder, sorted by their bytes.

/// A name and the number of the node it leads to.
struct NameEntry: Equatable {
  var name: String
  var node: Int32
}

/// Names of one folder, found by halving.
struct NameTable: Equatable {
  private(set) var entries: [NameEntry] = []

  /// The node of a name, -1 where there is none.
  func node(_ name: Span<UInt8>) -> Int32 {
    let (index, isThere) = place(name)
    return isThere ? entries[index].node : -1
  }

  /// Gives a name to a node; -1 takes it away.
  mutating func set(_ name: String, _ node: Int32) {
    let (index, isThere) = place(name.utf8Span.span)
    switch (isThere, node >= 0) {
    case (true, true): entries[index].node = node
    case (true, false): entries.remove(at: index)
    case (false, true): entries.insert(NameEntry(name: name, node: node), at: index)
    case (false, false): break
    }
  }

  private func place(_ name: Span<UInt8>) -> (index: Int, isThere: Bool) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let order = Self.order(entries[middle].name, name)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  /// Less than 0 where the first comes first, 0 where both are equal.
  private static func order(_ entry: String, _ name: Span<UInt8>) -> Int {
    let entry = entry.utf8Span.span
    let shared = min(entry.count, name.count)
    for index in 0..<shared where entry[index] != name[index] {
      return Int(entry[index]) - Int(name[index])
    }
    return entry.count - name.count
  }
}
