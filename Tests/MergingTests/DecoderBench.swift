// Stored tensors on disk, and a decoder over them.
import Kernels
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

struct DecoderBench {
  let scratch = Scratch()

  /// A decoder of stored tensors with its reader; nil where they do not fit.
  func decoder(
    _ form: String, _ shape: [Int], _ tensors: [SampleTensor], _ numbers: [String: Double] = [:]
  ) throws -> (any Decoder, OperandReader)? {
    let path = scratch("\(form).safetensors")
    try scratch.write("\(form).safetensors", tensors)
    let header = try ShardHeader.read(path)
    let operands = header.tensors.map { entry in
      Operand(
        role: entry.name,
        tensor: TensorBytes(
          file: 0, offset: header.headerByteCount + entry.byteRange.lowerBound, dtype: entry.dtype,
          elementCount: entry.shape.reduce(1, *)), shape: entry.shape)
    }
    let decoding = Decoding(
      form: form, title: form, dtype: .f32, operands: operands,
      numbers: numbers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, isTransposed: false)
    let recipe = TensorRecipe(
      name: "x", dtype: .f32, shape: shape, columns: shape.last!, offset: 0,
      source: operands[0].tensor, decoding: decoding, updates: [])
    let inputs = try InputFiles([
      InputFile(
        role: .base, path: path, name: "x", byteCount: header.fileByteCount,
        modified: header.modified, headerDigest: header.digest.description)
    ])
    let context = MergeContext(
      inputs: inputs, kernels: KernelTable(.plain), budget: TileBudget(threads: 1),
      keepsNonFinite: false)
    let stored = try #require(StoredWeight(recipe, decoding))
    return Decoders.all[form]?.init(stored).map { ($0, OperandReader(context: context)) }
  }

  /// What a decoder makes of stored tensors.
  func decode(
    _ form: String, _ shape: [Int], _ tensors: [SampleTensor], _ numbers: [String: Double] = [:]
  ) throws -> [Float] {
    let (decoder, reader) = try #require(try decoder(form, shape, tensors, numbers))
    var values = [Float](repeating: 0, count: shape.reduce(1, *))
    try decoder.decode(
      Window(rows: 0..<shape[0], columns: 0..<shape[1]), reader, to: &values)
    return values
  }
}
