// Calls that give and take names. A change waits in `changes` until its folder is flushed.
import Glibc
import Storage

extension DiskImage {
  /// A new file or folder under a free name; gives its node.
  mutating func create(_ path: String, isFolder: Bool, mode: UInt32, now: Int64) -> Int32 {
    let place = find(path)
    guard place.folder >= 0 else { return place.folder }
    guard place.node < 0 else { return -EEXIST }
    let node = add(DiskNode(isFolder: isFolder, mode: mode, modified: now))
    change(place.folder, Self.name(place, path), to: node)
    return node
  }

  mutating func link(_ from: String, _ to: String) -> Int32 {
    let source = find(from)
    guard source.folder >= 0, source.node >= 0 else { return min(source.folder, -ENOENT) }
    guard model.hasLinks, !self[source.node].isFolder else { return -EPERM }
    let target = find(to)
    guard target.folder >= 0 else { return target.folder }
    guard target.node < 0 else { return -EEXIST }
    change(target.folder, Self.name(target, to), to: source.node)
    return 0
  }

  /// unlink or, of a folder, rmdir.
  mutating func remove(_ path: String, isFolder: Bool) -> Int32 {
    let place = find(path)
    guard place.folder >= 0 else { return place.folder }
    guard place.node >= 0 else { return -ENOENT }
    let node = self[place.node]
    guard node.isFolder == isFolder else { return isFolder ? -ENOTDIR : -EISDIR }
    guard node.names.entries.isEmpty else { return -ENOTEMPTY }
    change(place.folder, Self.name(place, path), to: -1)
    return 0
  }

  mutating func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32 {
    if case .replacing = rule {} else if !model.hasRenameRules { return -EINVAL }
    let source = find(from)
    let target = find(to)
    guard source.folder >= 0 else { return source.folder }
    guard target.folder >= 0 else { return target.folder }
    guard source.node >= 0 else { return -ENOENT }
    let old = NameChange.Half(folder: source.folder, name: Self.name(source, from), node: -1)
    let new = NameChange.Half(
      folder: target.folder, name: Self.name(target, to), node: source.node)
    switch rule {
    case .exchanging:
      guard target.node >= 0 else { return -ENOENT }
      apply(
        NameChange(
          first: new,
          second: .init(
            folder: old.folder, name: old.name, node: target.node)))
      return 0
    case .keeping: guard target.node < 0 else { return -EEXIST }
    case .replacing:
      if target.node == source.node { return 0 }
      let fault = replacing(source.node, target.node)
      guard fault == 0 else { return fault }
    }
    apply(NameChange(first: new, second: old))
    return 0
  }

  /// Why one node may not replace another, 0 where it may.
  private func replacing(_ source: Int32, _ target: Int32) -> Int32 {
    guard target >= 0 else { return 0 }
    switch (self[source].isFolder, self[target].isFolder) {
    case (true, false): return -ENOTDIR
    case (false, true): return -EISDIR
    case (true, true): return self[target].names.entries.isEmpty ? 0 : -ENOTEMPTY
    case (false, false): return 0
    }
  }

  private mutating func change(_ folder: Int32, _ name: String, to node: Int32) {
    apply(NameChange(first: .init(folder: folder, name: name, node: node)))
  }

  /// Makes a change that processes see at once and a power cut may undo.
  private mutating func apply(_ change: NameChange) {
    // Counted up first: a node that only moves is never without a name.
    for half in [change.first, change.second] {
      if let half, half.node >= 0 { count(half.node, links: 1) }
    }
    for half in [change.first, change.second] {
      guard let half else { continue }
      let before = self[half.folder].names.node(half.name.utf8Span.span)
      self[half.folder].names.set(half.name, half.node)
      if before >= 0 { count(before, links: -1) }
      if model.isNetwork { self[half.folder].durableNames.set(half.name, half.node) }
    }
    if !model.isNetwork { changes.append(change) }
  }

  // MARK: Flushing

  /// Makes all changes in a folder durable. A rename goes as a whole, unless the disk splits it:
  /// then only its new name goes alone.
  mutating func flushNames(_ folder: Int32) {
    guard changes.contains(where: { concerns($0, folder) }) else { return }
    var kept: [NameChange] = []
    var done: [NameChange.Half] = []
    for change in changes {
      guard concerns(change, folder) else {
        kept.append(change)
        continue
      }
      var rest = change
      let takesSecond = !canSplit(change) || change.second?.folder == folder
      if let half = change.first {
        keep(half)
        done.append(half)
        rest.first = nil
      }
      if takesSecond, let half = change.second {
        keep(half)
        done.append(half)
        rest.second = nil
      }
      if rest.second != nil { kept.append(rest) }
    }
    changes = kept.compactMap { Self.without(done, $0) }
  }

  /// True where the old name's end may be lost alone.
  func canSplit(_ change: NameChange) -> Bool {
    guard model.splitsRenames, let first = change.first, let second = change.second else {
      return false
    }
    return second.node < 0 && !self[first.node].isFolder
  }

  private func concerns(_ change: NameChange, _ folder: Int32) -> Bool {
    change.first?.folder == folder || change.second?.folder == folder
  }

  /// What is left of an earlier change of names that a durable one has overtaken.
  private static func without(_ done: [NameChange.Half], _ change: NameChange) -> NameChange? {
    var rest = change
    // The end of an old name that is split off waits for its own folder's flush.
    if let half = rest.first, done.contains(where: half.isSameName) { rest.first = nil }
    if change.first != nil, let half = rest.second, done.contains(where: half.isSameName) {
      rest.second = nil
    }
    return rest.first == nil && rest.second == nil ? nil : rest
  }

  /// One half becomes durable.
  mutating func keep(_ half: NameChange.Half) {
    self[half.folder].durableNames.set(half.name, half.node)
  }
}
