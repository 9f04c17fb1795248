// Files of llama.cpp's container.
import GGUF
import Storage
import TestSupport

extension FuzzTarget {
  /// A whole file. Of one that is taken every value can be told and every tensor lies inside.
  static func gguf(_ place: FuzzPlace) throws -> FuzzTarget {
    let path = place("file.gguf")
    var old = SampleGGUF.sample
    old.version = 2
    let seeds = [SampleGGUF.sample.bytes, old.bytes, SampleGGUF().header]
    return FuzzTarget("gguf", seeds) { bytes in
      try FuzzPlace.put(bytes, at: path)
      let file: GGUFFile
      do throws(GGUFError) { file = try GGUFFile.read(path) } catch {
        return .refused(error.sentence)
      }
      for field in file.fields {
        guard case .array(_, let count) = field.value else { continue }
        guard field.elements().count == count else {
          throw BrokenPromise("\(field.key) has another count")
        }
      }
      var end: Int64 = 0
      for tensor in file.tensors {
        let range = tensor.byteRange
        guard tensor.elementCount > 0, range.lowerBound >= end,
          range.lowerBound % file.alignment == 0,
          file.dataOffset + range.upperBound <= file.fileByteCount
        else { throw BrokenPromise("\(tensor.name) lies at \(range)") }
        end = range.upperBound
      }
      return .taken
    }
  }
}
