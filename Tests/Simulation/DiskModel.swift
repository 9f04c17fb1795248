// What a simulated disk is like: which calls it knows, how large it is, what a power cut may take.

/// The traits of a simulated disk; the default is a local disk that loses nothing but power.
package struct DiskModel: Sendable {
  /// False: link(2) says EPERM.
  package var hasLinks = true
  /// False: renameat2(2) knows no flags and says EINVAL.
  package var hasRenameRules = true
  /// False: flock(2) says ENOLCK.
  package var hasLocks = true
  /// False: fallocate(2) says EOPNOTSUPP.
  package var canReserve = true
  /// All files together; what goes beyond is refused with ENOSPC.
  package var byteCountMax = Int.max
  /// True: a network file system. Names are durable at once, a close flushes, unflushed bytes are
  /// in the cache of the host that wrote them and seen by no other.
  package var isNetwork = false
  /// On a network: stat and listings of a host may be this old. Opening a path looks anew.
  package var staleMilliseconds: Int64 = 0
  /// True: a file's rename is two changes, of which the old name's end may be lost alone, as under
  /// soft updates. The new name is never lost with the old one gone. Folders keep one name.
  package var splitsRenames = false

  package init() {}

  /// A network file system with everything it may lack lacking.
  package static var poorNetwork: DiskModel {
    var model = DiskModel()
    model.isNetwork = true
    model.staleMilliseconds = 60_000
    model.hasLocks = false
    model.hasRenameRules = false
    model.canReserve = false
    return model
  }
}

/// What a power cut takes of all that was not flushed.
package enum Loss: String, Sendable, CaseIterable {
  /// It had all been written already.
  case nothing
  /// All of it.
  case everything
  /// All bytes of files; every name and size stays as after a rename of an unflushed file.
  case contents
  /// All changes of names; files have their bytes.
  case names
  /// As with a journal of names: the latest changes go, whole, in order. Bytes go by chance.
  case journalled
  /// Every change of a name and every sector by chance.
  case scattered
}
