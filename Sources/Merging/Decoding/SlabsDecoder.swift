// HQQ: value = (number − zero) × scale of its group, the difference and the product rounded to the
// type of both, one after the other. The numbers' matrix has a group in each row or in each column;
// its rows are cut into slabs, and a byte holds one number of each slab, the first in its highest
// bits. Source: hqq `core/quantize.py` (dequantize), `core/bitpack.py`.
import Planning
import Safetensors

struct SlabsDecoder: Decoder {
  private let columns: Int
  private let bits: Int
  private let slabs: Int
  /// Bytes of a packed word.
  private let size: Int
  /// Groups are rows of the numbers' matrix.
  private let groupsAreRows: Bool
  private let matrixColumns: Int
  /// Numbers of a slab.
  private let slabCount: Int
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let zeros: TensorBytes

  init?(_ stored: StoredWeight) {
    guard stored.matrices == 1, let bits = stored.int("bits", 1...8),
      let slabs = stored.int("slabs", 1...10), let size = stored.int("size", 1...4),
      let axis = stored.int("axis", 0...1), let groups = stored.int("groups"),
      size == 1 || size == 4, bits * slabs <= size * 8, stored.elementCount % groups == 0
    else { return nil }
    columns = stored.columns
    (self.bits, self.slabs, self.size) = (bits, slabs, size)
    groupsAreRows = axis == 1
    let length = stored.elementCount / groups
    let matrixRows = groupsAreRows ? groups : length
    matrixColumns = groupsAreRows ? length : groups
    slabCount = (matrixRows + slabs - 1) / slabs * matrixColumns
    guard let codes = stored.operands["codes"]?.tensor,
      codes.byteCount == Int64(slabCount * size),
      let scale = stored.operand("scale", DType.scales, count: groups),
      let zeros = stored.operand("zeros", [scale.dtype], count: groups)
    else { return nil }
    self.codes = codes
    self.scale = scale
    self.zeros = zeros
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    try window.eachRun(of: columns) { (run, place) throws(MergingError) in
      var element = run.lowerBound
      while element < run.upperBound {
        // Pieces end where a slab does, and where a column of groups begins anew.
        let slab = element / slabCount
        var stop = min(run.upperBound, (slab + 1) * slabCount)
        if !groupsAreRows { stop = min(stop, (element / matrixColumns + 1) * matrixColumns) }
        try decode(
          element..<stop, slab, reader, to: &values, from: place + element - run.lowerBound)
        element = stop
      }
    }
  }

  /// A run of numbers of one slab, and of one row where groups are columns.
  private func decode(
    _ run: Range<Int>, _ slab: Int, _ reader: OperandReader, to values: inout [Float],
    from place: Int
  ) throws(MergingError) {
    let first = run.lowerBound - slab * slabCount
    let bytes = try reader.bytes(codes, first * size..<(first + run.count) * size)
    let groups =
      groupsAreRows
      ? run.parts(of: matrixColumns)
      : run.lowerBound % matrixColumns..<run.lowerBound % matrixColumns + run.count
    let scales = try reader.numbers(scale, groups)
    let offsets = try reader.numbers(zeros, groups)
    let room = Window(rows: 0..<1, columns: 0..<place + run.count)
    unsafe room.fill(&values, from: bytes) { bytes, values in
      let values = unsafe values + place
      unsafe numbers(bytes, run.count, slab, to: values)
      guard groupsAreRows else {
        return unsafe scale.dtype.scale(values, run.count, less: offsets, by: scales)
      }
      for group in groups {
        let members = run.members(of: group, size: matrixColumns)
        let at = group - groups.lowerBound
        unsafe scale.dtype.scale(
          values + members.lowerBound - run.lowerBound, members.count, less: offsets[at],
          by: scales[at])
      }
    }
  }

  /// A slab's numbers in so many words.
  private func numbers(_ bytes: CodeBytes, _ count: Int, _ slab: Int, to values: Values) {
    let shift = UInt32((slabs - 1 - slab) * bits)
    let mask = UInt32(1) << UInt32(bits) - 1
    if size == 1 {
      for i in 0..<count {
        unsafe values[i] = Float(Int32(bitPattern: UInt32(bytes[i]) &>> shift & mask))
      }
    } else {
      let words = unsafe UnsafeRawPointer(bytes)
      for i in 0..<count {
        let word = unsafe words.loadUnaligned(fromByteOffset: i &* 4, as: UInt32.self)
        unsafe values[i] = Float(Int32(bitPattern: UInt32(littleEndian: word) &>> shift & mask))
      }
    }
  }
}
