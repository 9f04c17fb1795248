package import Storage

/// Why a file cannot be read as GGUF.
package enum GGUFError: Error, Equatable {
  /// The file could not be opened or read.
  case storage(StorageError)
  /// The file is another one, or breaks the format.
  case malformed(path: String, GGUFFault)
  /// The files of a set do not fit together.
  case set(path: String, SplitFault)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .malformed(let path, let fault):
      "\(path) cannot be read as GGUF: \(fault.finding); \(fault.advice)"
    case .set(let path, let fault): "\(path) \(fault.finding); \(fault.advice)"
    }
  }
}

/// How a file breaks the format.
package enum GGUFFault: Error, Equatable {
  // The file.
  case short(fileByteCount: Int64)
  case gitPointer
  case foreign
  /// One of the containers before GGUF.
  case oldContainer
  case bigEndian
  case version(UInt32)

  // The header.
  case headerTooLong
  /// A part would end behind the file.
  case beyondFile(part: String, at: Int64, expected: UInt64, found: UInt64)
  /// More keys or tensors than the rest of the file could hold.
  case count(of: String, found: UInt64, rest: UInt64)
  case listCount(key: String, found: UInt64, rest: UInt64)
  case longName(part: String, byteCount: UInt64)
  case badName(part: String)
  case repeatedKey(String)
  case valueType(key: String, found: UInt32)
  case nestedList(key: String)
  case alignment(GGUFValue)

  // The tensors.
  case longTensorName(String)
  case repeatedTensor(String)
  case dimensionCount(tensor: String, found: UInt32)
  case dimension(tensor: String, found: UInt64)
  case unknownType(tensor: String, found: UInt32)
  case partialBlock(tensor: String, GGMLType, columns: Int)
  case tooLarge(tensor: String, shape: [Int])
  /// A tensor does not begin where the one before it ends, on the alignment.
  case offset(tensor: String, expected: Int64, found: UInt64)
  /// The file ends before its last tensor does.
  case truncated(expected: Int64, found: Int64)
}

/// How files of one set contradict each other.
package enum SplitFault: Error, Equatable {
  /// The set's file of that name is not there.
  case missing(name: String)
  /// A file is one of several, and its name is not such that the others could be found.
  case unnamed(count: Int)
  /// A key of a part is not what its name says.
  case key(String, expected: Int, found: Int?)
  case repeatedTensor(String, first: String)
}
