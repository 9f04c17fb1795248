// Files that the kernel makes while they are read (/proc, control groups): none has a size before.

package enum KernelFile {
  /// The whole text; nil where it cannot be read.
  package static func text(_ path: String) -> String? {
    let kernel = LinuxKernel()
    let descriptor = kernel.open(path, .reading)
    guard descriptor >= 0 else { return nil }
    defer { _ = kernel.close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let offset = Int64(bytes.count)
      let count = unsafe block.withUnsafeMutableBytes {
        unsafe kernel.read(descriptor, $0, at: offset)
      }
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += block[..<count]
    }
  }
}
