import Storage
import TestSupport
import Testing

struct StridedViewTests {
  let scratch = Scratch()

  /// A file whose element `i` holds the number `i`, of `size` bytes each.
  private func file(_ count: Int, size: Int) throws -> String {
    try scratch.write(
      "elements",
      (0..<count).flatMap { i in
        (0..<size).map { UInt8(truncatingIfNeeded: $0 < 8 ? i >> (8 * $0) : 0) }
      })
  }

  private func numbers(_ view: StridedView, _ path: String) throws -> [Int] {
    let bytes = try bytes(view, path, 0..<Int(view.byteCount))
    let size = view.elementByteCount
    return stride(from: 0, to: bytes.count, by: size).map { start in
      (0..<min(8, size)).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
    }
  }

  private func bytes(_ view: StridedView, _ path: String, _ range: Range<Int>) throws -> [UInt8] {
    let file = try File.open(path)
    let buffer = Buffer(byteCount: range.count)
    let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<range.count])
    try unsafe file.read(
      into: bytes, at: view.offset + Int64(range.lowerBound), views: [view])
    return unsafe Array(bytes)
  }

  /// What the strides say, element by element.
  private func expected(_ shape: [Int], _ strides: [Int], from start: Int) -> [Int] {
    var places = [start]
    for (extent, stride) in zip(shape, strides) {
      places = places.flatMap { place in (0..<extent).map { place + $0 * stride } }
    }
    return places
  }

  @Test(arguments: [
    ([3, 2], [1, 3], 0), ([5, 4], [9, 1], 3), ([2, 3, 4], [1, 8, 2], 1), ([4, 3], [0, 1], 7),
    ([6], [5], 2), ([2, 1, 3], [50, 999, 10], 0), ([], [], 11), ([3, 4, 5, 2], [2, 6, 24, 1], 0),
    ([7], [0], 4), ([4, 4], [5, 0], 0),
  ])
  func `elements come in the order of their places`(shape: [Int], strides: [Int], first: Int) throws
  {
    for size in [1, 2, 4, 8, 16] {
      let path = try file(130, size: size)
      let view = try #require(
        StridedView(
          offset: Int64(130 * size), start: Int64(first * size), elementByteCount: size,
          shape: shape, strides: strides, fileByteCount: Int64(130 * size)))
      #expect(try numbers(view, path) == expected(shape, strides, from: first))
      let all = try bytes(view, path, 0..<Int(view.byteCount))
      // Any part, cut inside of elements too.
      for from in 0..<min(all.count, 40) {
        let to = max(from + 1, all.count - from % 7)
        #expect(try bytes(view, path, from..<to) == Array(all[from..<to]), "\(from)..<\(to)")
      }
    }
  }

  @Test func `a transpose larger than what is held at once is gathered whole`() throws {
    let (rows, columns) = (700, 900)
    let path = try file(rows * columns, size: 4)
    let byteCount = Int64(rows * columns * 4)
    let view = try #require(
      StridedView(
        offset: byteCount, start: 0, elementByteCount: 4, shape: [rows, columns],
        strides: [1, rows], fileByteCount: byteCount))
    #expect(try numbers(view, path) == expected([rows, columns], [1, rows], from: 0))
    #expect(view.spanByteCount == byteCount)
  }

  @Test func `what is not in a view is read from the file, and a view has an end`() throws {
    let path = try file(10, size: 1)
    let views = [(10, 0), (16, 1)].compactMap { offset, start in
      StridedView(
        offset: Int64(offset), start: Int64(start), elementByteCount: 1, shape: [3],
        strides: [2], fileByteCount: 10)
    }
    func read(_ count: Int, at offset: Int64) throws -> [UInt8] {
      let buffer = Buffer(byteCount: count)
      let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count])
      let file = try File.open(path)
      try unsafe file.read(into: bytes, at: offset, views: views)
      return unsafe Array(bytes)
    }
    #expect(try read(4, at: 6) == [6, 7, 8, 9])
    #expect(try read(3, at: 10) == [0, 2, 4])
    #expect(try read(2, at: 17) == [3, 5])
    #expect(throws: StorageError.ended(path: path, offset: 11, expected: 3, found: 2)) {
      try read(3, at: 11)
    }
    #expect(throws: StorageError.ended(path: path, offset: 14, expected: 1, found: 0)) {
      try read(1, at: 14)
    }
  }

  @Test func `a view that would leave its file or cannot be counted is none`() {
    func view(
      _ shape: [Int], _ strides: [Int], offset: Int64 = 100, start: Int64 = 0, size: Int = 4
    ) -> StridedView? {
      StridedView(
        offset: offset, start: start, elementByteCount: size, shape: shape, strides: strides,
        fileByteCount: 100)
    }
    #expect(view([5, 5], [5, 1]) != nil)
    #expect(view([5, 5], [5, 1], start: 1) == nil)
    #expect(view([5, 6], [5, 1]) == nil)
    #expect(view([1], [1], offset: 99) == nil)
    #expect(view([1], [1], start: -1) == nil)
    #expect(view([1], [1], size: 0) == nil)
    #expect(view([1, 1], [1]) == nil)
    #expect(view([2], [-1], start: 50) == nil)
    #expect(view([0], [1]) == nil)
    #expect(view([Int.max, 2], [0, 0]) == nil)
    #expect(view([3], [Int.max]) == nil)
    #expect(view([2, 2], [Int.max, Int.max]) == nil)
    #expect(view([2], [Int.max / 2]) == nil)
    #expect(view([1 << 60], [0], offset: Int64.max - 8) == nil)
  }
}
