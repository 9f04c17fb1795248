// One call of a simulated process, as faults choose it, hooks see it and the trace remembers it.

/// A call that was carried out, or refused.
package struct DiskOperation: Equatable, Sendable {
  package enum Kind: Int, Sendable, CaseIterable {
    case open, create, openFolder, close, inspectOpen, read, write, reserve, flush, flushFolder
    case dropCache, lock, inspect, createFolder, list, unlink, removeFolder, rename, renameKeeping
    case exchange, link, freeByteCount, resolve, writeBack

    /// Kinds that may change what is on the disk, or what of it is durable.
    package var changes: Bool {
      switch self {
      case .create, .write, .reserve, .flush, .close, .flushFolder, .createFolder, .unlink,
        .removeFolder, .rename, .renameKeeping, .exchange, .link:
        true
      default: false
      }
    }
  }

  /// The process's place among those of the disk.
  package var process: Int
  package var kind: Kind
  /// Of a call on an open file, the path it was opened by; of one on two paths, the first.
  package var path: String
  /// What the process was answered.
  package var answer: Int
}

/// A digest of all operations in their order: equal exactly for equal runs.
struct DiskTrace {
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ operation: DiskOperation) {
    mix(UInt64(truncatingIfNeeded: operation.process))
    mix(UInt64(truncatingIfNeeded: operation.kind.rawValue))
    mix(UInt64(bitPattern: Int64(operation.answer)))
    let bytes = operation.path.utf8Span.span
    for index in bytes.indices { mix(UInt64(bytes[index])) }
  }

  private mutating func mix(_ word: UInt64) {
    digest = (digest ^ word) &* 0x0000_0100_0000_01B3
    digest ^= digest >> 29
  }
}
