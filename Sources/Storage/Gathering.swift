// Reading a strided view. What is asked for is cut into boxes; a box is halved until what it spans
// in the file fits the memory at hand and is not mostly other tensors' bytes, then read at once.

/// A box of elements: how many there are along each axis, and how far apart.
private struct Box {
  struct Axis {
    var count: Int
    /// In elements of the file.
    var stride: Int
    /// In elements of the buffer.
    var step: Int
  }

  var axes: [Axis]
  /// Elements from the view's first.
  var source: Int
  /// Elements from the buffer's first.
  var target: Int

  var elementCount: Int { axes.reduce(1) { $0 * $1.count } }
  /// Elements of the file from the first to the last.
  var span: Int { axes.reduce(1) { $0 + ($1.count - 1) * $1.stride } }

  /// The box cut across the axis along which it reaches farthest.
  var halves: (Box, Box) {
    let reach = { (axis: Axis) in (axis.count - 1) * axis.stride }
    let axis = axes.indices.max { reach(axes[$0]) < reach(axes[$1]) } ?? 0
    let half = axes[axis].count / 2
    var (low, high) = (self, self)
    low.axes[axis].count = half
    high.axes[axis].count -= half
    high.source += half * axes[axis].stride
    high.target += half * axes[axis].step
    return (low, high)
  }
}

/// The reader of one view.
struct Gathering {
  /// Bytes of the file that are held at once.
  private static let scratchByteCount = 1 << 20

  private let view: StridedView
  /// The view's axes without those of one element, joined where one goes on where another ends.
  private let axes: [(count: Int, stride: Int)]

  init(_ view: StridedView) {
    var axes: [(count: Int, stride: Int)] = []
    for (count, stride) in zip(view.shape, view.strides) where count > 1 {
      if let last = axes.last, last.stride == stride * count {
        axes[axes.count - 1] = (last.count * count, stride)
      } else {
        axes.append((count, stride))
      }
    }
    self.view = view
    self.axes = axes
  }

  /// Fills the buffer with the view's bytes from `byte` on, which may be inside an element.
  func read(
    _ file: borrowing File, into buffer: UnsafeMutableRawBufferPointer, at byte: Int
  ) throws(StorageError) {
    let size = view.elementByteCount
    let first = byte / size
    let last = (byte + buffer.count + size - 1) / size
    let scratch = Buffer(byteCount: min(Self.scratchByteCount, Int(view.spanByteCount)))
    if byte % size == 0, buffer.count % size == 0 {
      for box in boxes(first..<last) {
        try unsafe gather(box, file, to: buffer.baseAddress!, scratch)
      }
      return
    }
    let whole = Buffer(byteCount: (last - first) * size)
    for box in boxes(first..<last) {
      try unsafe gather(box, file, to: whole.bytes.baseAddress!, scratch)
    }
    unsafe buffer.copyMemory(
      from: UnsafeRawBufferPointer(
        rebasing: whole.bytes[(byte - first * size)..<(byte - first * size + buffer.count)]))
  }

  /// A run of elements in order as boxes: what it has of the first row, whole rows, what it has of
  /// the last one, and so on for the rows' own parts.
  private func boxes(_ range: Range<Int>) -> [Box] {
    var boxes: [Box] = []
    /// `range` counts from the first element of the block that `axis` and those behind it make.
    func cut(_ range: Range<Int>, axis: Int, source: Int, target: Int) {
      guard !range.isEmpty else { return }
      guard axis < axes.count else {
        return boxes.append(Box(axes: [], source: source, target: target))
      }
      let inner = axes[(axis + 1)...].reduce(1) { $0 * $1.count }
      let stride = axes[axis].stride
      let low = range.lowerBound / inner
      let high = range.upperBound / inner
      let head = range.lowerBound % inner
      let tail = range.upperBound % inner
      if low == high {
        return cut(head..<tail, axis: axis + 1, source: source + low * stride, target: target)
      }
      var next = low
      var done = target
      if head > 0 {
        cut(head..<inner, axis: axis + 1, source: source + low * stride, target: done)
        (next, done) = (low + 1, done + inner - head)
      }
      if high > next {
        boxes.append(whole(axis, count: high - next, source: source + next * stride, target: done))
        done += (high - next) * inner
      }
      cut(0..<tail, axis: axis + 1, source: source + high * stride, target: done)
    }
    cut(range, axis: 0, source: 0, target: 0)
    return boxes
  }

  /// `count` steps along an axis, each with all that lies behind it.
  private func whole(_ axis: Int, count: Int, source: Int, target: Int) -> Box {
    var step = 1
    var parts: [Box.Axis] = []
    for index in stride(from: axes.count - 1, through: axis, by: -1) {
      let extent = index == axis ? count : axes[index].count
      parts.insert(Box.Axis(count: extent, stride: axes[index].stride, step: step), at: 0)
      step *= extent
    }
    return Box(axes: parts, source: source, target: target)
  }

  private func gather(
    _ box: Box, _ file: borrowing File, to target: UnsafeMutableRawPointer, _ scratch: Buffer
  ) throws(StorageError) {
    let size = view.elementByteCount
    let isLine = box.axes.count { $0.count > 1 && $0.stride > 0 } <= 1
    guard box.span <= Self.scratchByteCount / size, isLine || box.span <= 2 * box.elementCount
    else {
      let (low, high) = box.halves
      try unsafe gather(low, file, to: target, scratch)
      return try unsafe gather(high, file, to: target, scratch)
    }
    let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.bytes[..<(box.span * size)])
    try unsafe file.read(into: bytes, at: view.start + Int64(box.source * size))
    unsafe place(
      box.axes[...], from: bytes.baseAddress!, to: target + box.target * size)
  }

  /// Copies a box's elements out of what was read.
  private func place(
    _ axes: ArraySlice<Box.Axis>, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
  ) {
    let size = view.elementByteCount
    guard let axis = axes.first else {
      return unsafe target.copyMemory(from: source, byteCount: size)
    }
    if axes.count > 1 {
      for index in 0..<axis.count {
        unsafe place(
          axes.dropFirst(), from: source + index * axis.stride * size,
          to: target + index * axis.step * size)
      }
      return
    }
    switch size {
    case 1: unsafe line(UInt8.self, axis, source, target)
    case 2: unsafe line(UInt16.self, axis, source, target)
    case 4: unsafe line(UInt32.self, axis, source, target)
    case 8: unsafe line(UInt64.self, axis, source, target)
    default:
      for index in 0..<axis.count {
        unsafe (target + index * axis.step * size).copyMemory(
          from: source + index * axis.stride * size, byteCount: size)
      }
    }
  }

  private func line<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ axis: Box.Axis, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) {
    let size = MemoryLayout<Word>.size
    for index in 0..<axis.count {
      let word = unsafe source.loadUnaligned(
        fromByteOffset: index * axis.stride * size, as: Word.self)
      unsafe target.storeBytes(of: word, toByteOffset: index * axis.step * size, as: Word.self)
    }
  }
}
