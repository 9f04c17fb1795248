// A file that torch.save wrote (`pytorch_model.bin`, `.pth`, `.pt`, `adapter_model.bin`) as a
// header of the same kind as a safetensors file's: names, types, shapes and where the bytes lie. No
// tensor is read here, and nothing of the file is ever run.
package import Safetensors
import Storage

package enum TorchFile {
  /// Longer pickles are refused: a tensor takes some 250 bytes.
  static let pickleByteCountMax: Int64 = 1 << 27

  /// Endings of such files' names.
  package static let endings = [".bin", ".pth", ".pt"]

  /// True for a name that ends as such files do.
  package static func isName(_ name: String) -> Bool { endings.contains { name.hasSuffix($0) } }

  /// Reads a file's description. Its tensors come in the order of the dict they were saved in,
  /// their places count from the start of the file; those whose elements do not lie one behind the
  /// other have a view.
  package static func read(_ path: String) throws(TorchFileError) -> ShardHeader {
    do throws(TorchReadError) {
      let file = try reading { () throws(StorageError) in try File.open(path) }
      let status = try reading { () throws(StorageError) in try file.status() }
      let archive = try TorchArchive.read(file, byteCount: status.byteCount)
      var placement = TensorPlacement(archive, fileByteCount: status.byteCount)
      let tensors = try judging { () throws(TorchFault) in
        try StateDict.tensors(archive).map { name, tensor throws(TorchFault) in
          try placement.entry(name, tensor)
        }
      }
      return ShardHeader(
        path: path, fileByteCount: status.byteCount, modified: status.modified,
        headerByteCount: 0, digest: archive.digest, tensors: tensors, metadata: [:],
        views: placement.views)
    } catch {
      switch error {
      case .storage(let error): throw .storage(error)
      case .fault(let fault): throw .unreadable(path: path, fault)
      }
    }
  }
}
