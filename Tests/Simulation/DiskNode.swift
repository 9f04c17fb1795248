// A file or folder of a simulated disk. Nodes have numbers and are never reused.

/// An inode.
struct DiskNode {
  let isFolder: Bool
  let mode: UInt32
  /// Milliseconds of the disk's clock.
  var modified: Int64
  /// Names that lead here, as processes see them.
  var linkCount = 0
  /// Descriptors that hold it open.
  var openCount = 0
  /// The descriptor that has the lock, nil where it is free.
  var locker: Locker?
  /// Of a file.
  var content = FileContent()
  /// Of a folder, as processes see it.
  var names = NameTable()
  /// Of a folder, as it survives a power cut.
  var durableNames = NameTable()

  init(isFolder: Bool, mode: UInt32, modified: Int64) {
    self.isFolder = isFolder
    self.mode = mode
    self.modified = modified
  }

  /// Who holds a lock.
  struct Locker: Equatable {
    var process: Int
    var descriptor: Int32
  }
}

/// A change of names that no flush has made durable yet.
struct NameChange {
  /// One name in one folder.
  struct Half: Equatable {
    var folder: Int32
    var name: String
    /// -1: the name is gone.
    var node: Int32

    func isSameName(_ other: Half) -> Bool { folder == other.folder && name == other.name }
  }

  var first: Half?
  /// Of a rename: the end of the old name. Of an exchange: the other name.
  var second: Half?
}
