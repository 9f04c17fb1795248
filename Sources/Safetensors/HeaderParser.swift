// Header text → entries, read straight from the bytes: a file may hold 200 000 tensors.
//
// Rules of the format (safetensors' README and `tensor.rs`): offsets count from the end of the
// header, tensors fill the data without hole or overlap, a tensor's range is exactly its dtype ×
// shape, metadata maps text to text, unknown fields of a tensor are ignored. The order of the JSON
// need not be the order of the bytes.
import OrderedJSON

enum HeaderParser {
  /// Entries by offset, and the metadata.
  static func parse(
    _ text: [UInt8], dataByteCount: Int64
  ) throws(HeaderFault) -> (tensors: [TensorEntry], metadata: [String: String]) {
    var reader: JSONReader
    do { reader = try JSONReader(text) } catch { throw .json(error) }
    var tensors: [TensorEntry] = []
    var metadata: [String: String]?
    try read(&reader) { r throws(JSONError) in try r.beginObject() }
    while let name = try read(&reader, { r throws(JSONError) in try r.nextKey() }) {
      if name == "__metadata__" {
        guard metadata == nil else { throw .repeatedMetadata }
        metadata = try readMetadata(&reader)
      } else {
        tensors.append(try readEntry(name, &reader))
      }
    }
    try read(&reader) { r throws(JSONError) in try r.finish() }

    if metadata?["DCP_SHARDING_INFO"] != nil { throw .partialTensors }
    var names: Set<String> = Set(minimumCapacity: tensors.count)
    for tensor in tensors where !names.insert(tensor.name).inserted {
      throw .repeatedTensor(tensor.name)
    }
    // By begin, then end: a tensor without bytes comes before the one that starts where it stands.
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    try checkTiling(tensors, dataByteCount: dataByteCount)
    return (tensors, metadata ?? [:])
  }

  /// Text → text; null stands for none. Of a repeated key the last one counts, as in safetensors.
  private static func readMetadata(
    _ reader: inout JSONReader
  ) throws(HeaderFault) -> [String: String] {
    if reader.null() { return [:] }
    var metadata: [String: String] = [:]
    do throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextKey() { metadata[key] = try reader.string() }
    } catch { throw .badMetadata(error) }
    return metadata
  }

  private static func readEntry(
    _ name: String, _ reader: inout JSONReader
  ) throws(HeaderFault) -> TensorEntry {
    var dtype: DType?
    var shape: [Int]?
    var offsets: Range<Int64>?
    do { try reader.beginObject() } catch { throw .badEntry(tensor: name, error) }
    while let field = try read(&reader, { r throws(JSONError) in try r.nextKey() }) {
      switch field {
      case "dtype":
        guard dtype == nil else { throw .repeatedField(tensor: name, field) }
        dtype = try readDType(of: name, &reader)
      case "shape":
        guard shape == nil else { throw .repeatedField(tensor: name, field) }
        shape = try readNumbers(of: name, field, &reader)
      case "data_offsets":
        guard offsets == nil else { throw .repeatedField(tensor: name, field) }
        offsets = try readOffsets(of: name, &reader)
      default: try read(&reader) { r throws(JSONError) in try r.skip() }
      }
    }
    guard let dtype else { throw .missingField(tensor: name, "dtype") }
    guard let shape else { throw .missingField(tensor: name, "shape") }
    guard let offsets else { throw .missingField(tensor: name, "data_offsets") }

    let expected = try byteCount(of: name, dtype, shape)
    guard expected == offsets.upperBound - offsets.lowerBound else {
      throw .wrongByteCount(
        tensor: name, dtype, shape: shape, expected: expected,
        found: offsets.upperBound - offsets.lowerBound)
    }
    return TensorEntry(name: name, dtype: dtype, shape: shape, byteRange: offsets)
  }

  private static func readDType(
    of name: String, _ reader: inout JSONReader
  ) throws(HeaderFault) -> DType {
    let text: String
    do { text = try reader.string() } catch { throw .badField(tensor: name, "dtype", error) }
    guard let dtype = DType(rawValue: text) else {
      throw .unknownDType(tensor: name, found: text)
    }
    return dtype
  }

  private static func readOffsets(
    of name: String, _ reader: inout JSONReader
  ) throws(HeaderFault) -> Range<Int64> {
    let numbers = try readNumbers(of: name, "data_offsets", &reader)
    guard numbers.count == 2 else { throw .offsetCount(tensor: name, found: numbers.count) }
    let (begin, end) = (Int64(numbers[0]), Int64(numbers[1]))
    guard begin <= end else { throw .reversedOffsets(tensor: name, begin: begin, end: end) }
    return begin..<end
  }

  /// A list of whole numbers from 0.
  private static func readNumbers(
    of name: String, _ field: String, _ reader: inout JSONReader
  ) throws(HeaderFault) -> [Int] {
    var numbers: [Int] = []
    do throws(JSONError) {
      try reader.beginArray()
      while try reader.nextElement() { numbers.append(Int(try reader.integer())) }
    } catch { throw .badField(tensor: name, field, error) }
    for number in numbers where number < 0 {
      throw .negative(tensor: name, field, found: Int64(number))
    }
    return numbers
  }

  private static func byteCount(
    of name: String, _ dtype: DType, _ shape: [Int]
  ) throws(HeaderFault) -> Int64 {
    var bits = 1
    func multiply(by factor: Int) throws(HeaderFault) {
      let (product, overflows) = bits.multipliedReportingOverflow(by: factor)
      if overflows { throw .shapeTooLarge(tensor: name, dtype, shape: shape) }
      bits = product
    }
    for extent in shape { try multiply(by: extent) }
    try multiply(by: dtype.bitCount)
    guard bits % 8 == 0 else {
      throw .partialByte(tensor: name, dtype, shape: shape, bitCount: Int64(bits))
    }
    return Int64(bits / 8)
  }

  /// Refuses tensors, given by offset, that do not fill the data exactly.
  private static func checkTiling(
    _ tensors: [TensorEntry], dataByteCount: Int64
  ) throws(HeaderFault) {
    var end: Int64 = 0
    for tensor in tensors {
      let begin = tensor.byteRange.lowerBound
      guard begin <= end else { throw .hole(tensor: tensor.name, expected: end, found: begin) }
      guard begin == end else { throw .overlap(tensor: tensor.name, expected: end, found: begin) }
      end = tensor.byteRange.upperBound
    }
    guard end <= dataByteCount else { throw .truncated(expected: end, found: dataByteCount) }
    guard end == dataByteCount else { throw .trailingBytes(expected: end, found: dataByteCount) }
  }

  private static func read<T>(
    _ reader: inout JSONReader, _ step: (inout JSONReader) throws(JSONError) -> T
  ) throws(HeaderFault) -> T {
    do { return try step(&reader) } catch { throw .json(error) }
  }
}
