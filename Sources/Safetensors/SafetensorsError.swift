package import OrderedJSON
package import Storage

/// Why a file cannot be read as safetensors.
package enum SafetensorsError: Error, Equatable {
  /// The file could not be opened or read.
  case storage(StorageError)
  /// The file breaks the format.
  case malformed(path: String, HeaderFault)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .malformed(let path, let fault):
      "\(path) cannot be read as safetensors: \(fault.finding); \(fault.advice)"
    }
  }
}

/// How a header breaks the format, or does not fit its file. Byte counts and offsets of tensors
/// count from the end of the header, as in the file.
package enum HeaderFault: Error, Equatable {
  /// The file is shorter than the length of its header takes.
  case noHeader(fileByteCount: Int64)
  /// A Git LFS pointer lies where the file should be.
  case gitPointer
  /// More than the format's 100 000 000 bytes.
  case headerTooLong(byteCount: UInt64)
  /// The header ends behind the end of the file.
  case headerBeyondFile(expected: Int64, found: Int64)
  /// The header is no JSON object.
  case json(JSONError)
  case repeatedTensor(String)
  case repeatedMetadata
  case badMetadata(JSONError)
  /// Shards of a torch DCP checkpoint: shapes are those of parts.
  case partialTensors
  /// A tensor's value is no object.
  case badEntry(tensor: String, JSONError)
  case missingField(tensor: String, String)
  case repeatedField(tensor: String, String)
  case badField(tensor: String, String, JSONError)
  case unknownDType(tensor: String, found: String)
  case negative(tensor: String, String, found: Int64)
  case offsetCount(tensor: String, found: Int)
  case reversedOffsets(tensor: String, begin: Int64, end: Int64)
  /// The product of the dimensions or its bits exceed 63 bits.
  case shapeTooLarge(tensor: String, DType, shape: [Int])
  /// The bits of a packed type do not fill whole bytes.
  case partialByte(tensor: String, DType, shape: [Int], bitCount: Int64)
  case wrongByteCount(tensor: String, DType, shape: [Int], expected: Int64, found: Int64)
  /// Bytes before the tensor belong to none.
  case hole(tensor: String, expected: Int64, found: Int64)
  /// The tensor begins inside the one before it.
  case overlap(tensor: String, expected: Int64, found: Int64)
  /// The file ends before its last tensor does.
  case truncated(expected: Int64, found: Int64)
  /// Bytes behind the last tensor belong to none.
  case trailingBytes(expected: Int64, found: Int64)
}
