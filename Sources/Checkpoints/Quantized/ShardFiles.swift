// Small tensors that describe others, read while the quantised weights of a base are looked for. A
// base may have one for each of its experts, so a shard is opened once.
import Storage

final class ShardFiles {
  /// A file that can be kept in a dictionary.
  private final class Handle {
    let file: File
    init(_ file: consuming File) { self.file = file }
  }

  private let paths: [String]
  /// The shard that was read last; weights mostly lie beside what describes them.
  private var open: (shard: Int, handle: Handle)?

  init(_ paths: [String]) { self.paths = paths }

  /// The bytes of a tensor; nil where they cannot be read.
  func bytes(of tensor: BaseTensor) -> [UInt8]? {
    do throws(StorageError) {
      if open?.shard != tensor.shard {
        open = (tensor.shard, Handle(try File.open(paths[tensor.shard])))
      }
      return try open?.handle.file.read(count: Int(tensor.byteCount), at: tensor.fileOffset)
    } catch {
      return nil
    }
  }
}
