// The files a job reads: opened once, compared with the plan before the first byte and after the
// last, read by any number of threads.
import Planning
import Storage

/// A job's inputs, open.
final class InputFiles {
  /// A file that can be kept in an array.
  private final class Handle {
    let file: File
    init(_ file: consuming File) { self.file = file }
  }

  private let inputs: [InputFile]
  private let handles: [Handle]

  /// Opens every input and refuses one that is not as planned.
  init(_ inputs: [InputFile], _ traffic: Traffic? = nil) throws(MergingError) {
    var handles: [Handle] = []
    for input in inputs {
      handles.append(
        try MergingError.storage { () throws(StorageError) in
          Handle(try File.open(input.path, traffic))
        })
    }
    self.inputs = inputs
    self.handles = handles
    try compare()
  }

  /// Compares size and modified time of every input with the plan.
  func compare() throws(MergingError) {
    for (input, handle) in zip(inputs, handles) {
      let status = try MergingError.storage { () throws(StorageError) in
        try handle.file.status()
      }
      guard status.byteCount == input.byteCount, status.modified == input.modified else {
        throw .inputChanged(
          path: input.path,
          expected: .init(byteCount: input.byteCount, modified: input.modified),
          found: .init(byteCount: status.byteCount, modified: status.modified))
      }
    }
  }

  var count: Int { inputs.count }

  /// Where a file ends, the views behind it included.
  func byteCount(of file: Int) -> Int64 { inputs[file].extent }

  /// Lends bytes as they lie in a file, block by block, in order.
  func eachBlock(
    of file: Int, _ range: Range<Int64>, _ body: (RawSpan) throws(MergingError) -> Void
  ) throws(MergingError) {
    try BlockReader(upTo: Int64(range.count)).read(
      handles[file].file, range, wrapping: { .storage($0) }, body)
  }

  /// Fills the buffer with a file's bytes from `offset`, gathered where that lies in a view.
  func read(
    _ file: Int, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(MergingError) {
    try MergingError.storage { () throws(StorageError) in
      try unsafe handles[file].file.read(into: buffer, at: offset, views: inputs[file].views)
    }
  }

  /// True where a range is one of the file itself, and none of the views behind it.
  func isPlain(_ range: Range<Int64>, of file: Int) -> Bool {
    range.upperBound <= inputs[file].byteCount
  }

  // MARK: Page cache

  /// Bytes of a range that the page cache has; nil where the kernel cannot tell.
  func cachedByteCount(of file: Int, _ range: Range<Int64>) -> Int64? {
    handles[file].file.cachedByteCount(range)
  }

  /// Says that a range will not be read again.
  func dropCache(of file: Int, _ range: Range<Int64>) { handles[file].file.dropCache(range) }
}
