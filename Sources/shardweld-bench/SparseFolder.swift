// Files of which only the headers are there: they have their true sizes and take no room, since
// nobody has written to their tensors. All that planning reads is real.
import Safetensors
import Storage

enum SparseFolder {
  /// Writes a file's header and its last byte; gives the bytes of its tensors.
  static func write(_ tensors: [ModelShape.Tensor], to path: String) throws -> Int {
    let header = ShardLayout.header(tensors)
    let byteCount = tensors.reduce(0) { $0 + $1.shape.reduce($1.dtype.byteCount, *) }
    let file = try File.create(path)
    try file.write(header, at: 0)
    if byteCount > 0 { try file.write([0], at: Int64(header.count + byteCount - 1)) }
    try file.close()
    return byteCount
  }
}
