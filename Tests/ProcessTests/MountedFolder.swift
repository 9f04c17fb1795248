// A small file system of its own, in memory: one that can be full, or read only.
import Foundation
import Glibc
import TestSupport

/// A mounted tmpfs, unmounted with its owner.
final class MountedFolder: Sendable {
  /// Why there can be none here; nil where there can.
  static let refusal: String? = {
    do { _ = try MountedFolder(byteCount: 1 << 20) } catch { return "\(error)" }
    return nil
  }()

  struct Refused: Error, CustomStringConvertible {
    var description: String
  }

  private let scratch = Scratch()
  var path: String { scratch.path }
  private let size: String

  init(byteCount: Int) throws {
    size = "size=\(byteCount)"
    try call("mount", unsafe mount("tmpfs", scratch.path, "tmpfs", 0, size))
  }

  deinit { unsafe umount2(scratch.path, Int32(MNT_DETACH)) }

  /// Lets nothing be written any more; nobody may be writing.
  func makeReadOnly() throws {
    let flags = UInt(MS_REMOUNT) | UInt(MS_RDONLY)
    try call("remount", unsafe mount("tmpfs", scratch.path, "tmpfs", flags, size))
  }

  func makeWritable() throws {
    try call("remount", unsafe mount("tmpfs", scratch.path, "tmpfs", UInt(MS_REMOUNT), size))
  }

  /// Writes a file until there is room for nothing. No program that another test starts meanwhile
  /// inherits it: its room would not come back with its removal.
  func fill(_ name: String) throws {
    let file = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw Refused(description: "fill: \(unsafe String(cString: strerror(errno)))")
    }
    defer { close(file) }
    let block = [UInt8](repeating: 1, count: 4096)
    while unsafe write(file, block, block.count) > 0 {}
  }

  private func call(_ name: String, _ result: Int32) throws {
    guard result == 0 else {
      throw Refused(description: "\(name): \(unsafe String(cString: strerror(errno)))")
    }
  }
}
