package import Storage

/// Why a file cannot be read as one that torch saved.
package enum TorchFileError: Error, Equatable {
  /// The file could not be opened or read.
  case storage(StorageError)
  /// The file is another one, breaks the format or holds what is not read.
  case unreadable(path: String, TorchFault)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .unreadable(let path, let fault):
      "\(path) cannot be read as weights saved by torch: \(fault.finding); \(fault.advice)"
    }
  }
}

/// What is wrong with a file that torch should have saved.
package enum TorchFault: Error, Equatable {
  // The file.
  case empty
  /// A Git LFS pointer lies where the file should be.
  case gitPointer
  /// Neither a zip nor a pickle of torch's old format.
  case foreign
  /// The tar of torch before 0.1.
  case tar
  case bigEndian

  // The zip.
  case noDirectory
  case directoryBeyondFile(expected: Int64, found: Int64)
  /// An entry of the directory, counted from 0, is not whole.
  case badEntry(Int)
  case repeatedMember(String)
  case compressed(String)
  case encrypted(String)
  /// A member's own header is not where the directory says.
  case badMember(String)
  case memberBeyondFile(String, expected: Int64, found: Int64)
  case noPickle
  case severalPickles
  case torchScript
  case longPickle(byteCount: Int64)

  // The pickle.
  case notAPickle
  case protocolVersion(Int)
  /// An opcode that torch's writer does not use.
  case opcode(String, offset: Int)
  /// A name that is not in the list of those known.
  case global(String)
  /// A call of what is no function.
  case call(String)
  /// Attributes given to something else than a dict.
  case attributes(String)
  /// The opcode at an offset does not find what it needs.
  case malformedPickle(offset: Int)
  case pickleEnds(offset: Int)
  case tooManyValues
  case storageView(String)
  case storageBeyondFile(String)
  /// The old format's parts are not what they must be.
  case oldFormat(part: String)

  // The tensors.
  case notADict(found: String)
  case noTensors(keys: [String])
  case severalDicts([String])
  case notATensor(name: String, found: String)
  case keyIsNoText(found: String)
  case repeatedTensor(String)
  case unreadableTensor(String, found: String)
  case noSafetensorsType(String, element: String)
  case missingStorage(tensor: String, key: String)
  case storageSize(tensor: String, key: String, expected: Int, found: Int64)
  case outsideStorage(tensor: String, shape: [Int], strides: [Int], offset: Int)
}
