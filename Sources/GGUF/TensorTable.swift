// The part of a header that describes the tensors, held against the rules as it is read.
import Storage

struct TensorTable {
  let alignment: Int64
  private(set) var tensors: [GGUFTensor] = []
  /// Where the last tensor's bytes end, counted from the start of the data.
  var end: Int64 { tensors.last?.byteRange.upperBound ?? 0 }
  private var names: Set<String> = []

  init(alignment: Int64) { self.alignment = alignment }

  mutating func append(_ bytes: inout HeaderBytes) throws(GGUFReadError) {
    let name = try bytes.name(of: "a tensor's name")
    guard name.utf8.count < Self.nameByteCountEnd else { throw .fault(.longTensorName(name)) }
    guard names.insert(name).inserted else { throw .fault(.repeatedTensor(name)) }
    let part = "tensor \(GGUFFault.quote(name))"
    let dimensionCount = UInt32(try bytes.unsigned(4, of: part))
    guard dimensionCount <= 4 else {
      throw .fault(.dimensionCount(tensor: name, found: dimensionCount))
    }
    var dimensions: [Int] = []
    for _ in 0..<dimensionCount {
      let dimension = try bytes.unsigned(8, of: part)
      guard dimension > 0, let whole = Int(exactly: dimension) else {
        throw .fault(.dimension(tensor: name, found: dimension))
      }
      dimensions.append(whole)
    }
    let id = UInt32(try bytes.unsigned(4, of: part))
    guard let type = GGMLType(id: id) else {
      throw .fault(.unknownType(tensor: name, found: id))
    }
    let offset = try bytes.unsigned(8, of: part)
    let byteCount = try byteCount(name, type, dimensions)
    let expected = end.aligned(to: alignment)
    guard offset == UInt64(expected) else {
      throw .fault(.offset(tensor: name, expected: expected, found: offset))
    }
    let (finish, overflows) = expected.addingReportingOverflow(byteCount)
    guard !overflows, finish <= Self.endMax else {
      throw .fault(.tooLarge(tensor: name, shape: dimensions.reversed()))
    }
    tensors.append(
      GGUFTensor(
        name: name, type: type, shape: dimensions.reversed(), byteRange: expected..<finish))
  }

  private func byteCount(
    _ name: String, _ type: GGMLType, _ dimensions: [Int]
  ) throws(GGUFReadError) -> Int64 {
    let columns = dimensions.first ?? 1
    guard columns % type.blockElementCount == 0 else {
      throw .fault(.partialBlock(tensor: name, type, columns: columns))
    }
    var count = columns / type.blockElementCount
    for factor in dimensions.dropFirst() + [type.blockByteCount, type.blockElementCount] {
      let (product, overflows) = count.multipliedReportingOverflow(by: factor)
      guard !overflows else {
        throw .fault(.tooLarge(tensor: name, shape: dimensions.reversed()))
      }
      count = product
    }
    return Int64(count / type.blockElementCount)
  }

  /// So far that bits, and bytes of wider types with alignments between, still count in 63 bits.
  private static let endMax: Int64 = 1 << 58

  /// ggml's `GGML_MAX_NAME`: with the zero behind it.
  private static let nameByteCountEnd = 64
}
