// A model of plain tensors in llama.cpp's container.

extension SampleGGUF {
  /// Metadata of a text or a number, and tensors of F32 by shapes of rows before columns; values are
  /// zeros where there are none.
  package static func model(
    _ architecture: String, numbers: [(key: String, value: UInt64)] = [],
    texts: [(key: String, value: String)] = [],
    _ tensors: [(name: String, shape: [Int], values: [Float])]
  ) -> SampleGGUF {
    var sample = SampleGGUF()
    sample.fields = [field("general.architecture", 8, text(architecture))]
    sample.fields += numbers.map { field($0.key, 4, number($0.value, 4)) }
    sample.fields += texts.map { field($0.key, 8, text($0.value)) }
    for (name, shape, values) in tensors {
      sample.tensors.append(
        tensor(name, shape.reversed().map { UInt64($0) }, offset: UInt64(sample.data.count)))
      let count = shape.reduce(1, *)
      let own = values.isEmpty ? Array(repeating: 0, count: count) : values
      sample.data += own.flatMap { number(UInt64($0.bitPattern), 4) }
      sample.data += [UInt8](repeating: 0, count: (32 - sample.data.count % 32) % 32)
    }
    return sample
  }
}
