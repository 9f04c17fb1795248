// Reused memory for tiles: allocated once, 64-byte aligned, zeroed, freed with its owner.
import Glibc

/// A block of memory of a fixed size, aligned for every vector width.
@safe package final class Buffer {
  /// The whole block. Valid while the buffer lives; who shares it between threads cuts it first.
  package let bytes: UnsafeMutableRawBufferPointer

  package init(byteCount: Int) {
    let size = max(64, byteCount)
    var raw: UnsafeMutableRawPointer?
    let status = unsafe posix_memalign(&raw, 64, size)
    invariant(status == 0, "no memory for a buffer of \(size) bytes")
    unsafe memset(raw!, 0, size)
    unsafe bytes = UnsafeMutableRawBufferPointer(start: raw, count: size)
  }

  deinit { unsafe free(bytes.baseAddress) }
}
