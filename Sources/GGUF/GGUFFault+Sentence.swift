// The prose of the faults: `finding` says what is wrong, `advice` what to do about it.
import OrderedJSON

extension GGUFFault {
  /// What was expected and found.
  var finding: String {
    switch self {
    case .short(let count): "a header expected, a file of \(count) bytes found"
    case .gitPointer: "it is a Git LFS pointer, not the file itself"
    case .foreign: "it does not begin with GGUF"
    case .oldContainer: "it is one of llama.cpp's containers before GGUF"
    case .bigEndian: "its numbers are big-endian"
    case .version(let found): "version 2 or 3 expected, \(found) found"
    case .headerTooLong:
      "a header of at most \(GGUFFile.headerByteCountMax) bytes expected, a longer one found"
    case .beyondFile(let part, let offset, let expected, let found):
      "\(part) at byte \(offset) takes \(expected) bytes, the file has \(found) left"
    case .count(let things, let found, let rest):
      "it claims \(found) \(things), more than the \(rest) bytes behind can hold"
    case .listCount(let key, let found, let rest):
      "\(Self.quote(key)) claims a list of \(found), more than the \(rest) bytes behind can hold"
    case .longName(let part, let count):
      "\(part) of at most 65535 bytes expected, \(count) found"
    case .badName(let part): "\(part) is not UTF-8"
    case .repeatedKey(let key): "key \(Self.quote(key)) stands twice in the header"
    case .valueType(let key, let found):
      "key \(Self.quote(key)) has a value of the unknown type \(found)"
    case .nestedList(let key): "key \(Self.quote(key)) has a list of lists"
    case .alignment(let found):
      "general.alignment must be a power of two as uint32, \(found) found"
    default: tensorFinding
    }
  }

  private var tensorFinding: String {
    switch self {
    case .longTensorName(let name):
      "a tensor's name of at most 63 bytes expected, \(name.utf8.count) found "
        + "in \(Self.quote(name))"
    case .repeatedTensor(let name): "tensor \(Self.quote(name)) stands twice in the header"
    case .dimensionCount(let tensor, let found):
      "tensor \(Self.quote(tensor)) has \(found) dimensions, at most 4 expected"
    case .dimension(let tensor, let found):
      "tensor \(Self.quote(tensor)) has a dimension of \(found)"
    case .unknownType(let tensor, let found):
      "tensor \(Self.quote(tensor)) is of the unknown type \(found)"
    case .partialBlock(let tensor, let type, let columns):
      "tensor \(Self.quote(tensor)) (\(type.name)) has rows of \(columns), a multiple of "
        + "\(type.blockElementCount) expected"
    case .tooLarge(let tensor, let shape):
      "tensor \(Self.quote(tensor)) (\(shape)) is too large, its bits would not count in 63"
    case .offset(let tensor, let expected, let found):
      "tensor \(Self.quote(tensor)) begins at \(found), the tensors before it end at \(expected)"
    case .truncated(let expected, let found):
      "its tensors end at byte \(expected), the file at byte \(found)"
    default: ""
    }
  }

  /// What to do next.
  var advice: String {
    switch self {
    case .gitPointer: "fetch it with `git lfs pull`"
    case .short, .beyondFile, .truncated: "the file is cut short, fetch it again"
    case .foreign: "give a .gguf file"
    case .oldContainer, .version: "convert the model anew with llama.cpp's convert_hf_to_gguf.py"
    case .bigEndian: "turn it with gguf-py's gguf-convert-endian"
    case .unknownType: "the types read are those of gguf-py 0.19"
    default: "fetch the file again, or write it anew with gguf-py"
    }
  }

  /// A name from the file, with what a terminal would act on escaped, cut where it is long.
  static func quote(_ name: String) -> String {
    let cut = name.unicodeScalars.count > 200
    return JSON.string(cut ? String(name.unicodeScalars.prefix(200)) + "…" : name).compact
  }
}

extension SplitFault {
  var finding: String {
    switch self {
    case .missing(let name): "is one of several files, and \(name) is not there"
    case .unnamed(let count):
      "is one of \(count) files, and its name does not count them as llama.cpp does"
    case .key(let key, let expected, let found):
      "has \(key) \(found.map { "\($0)" } ?? "missing"), \(expected) expected"
    case .repeatedTensor(let name, let first):
      "holds tensor \(GGUFFault.quote(name)), and so does \(first)"
    }
  }

  var advice: String {
    switch self {
    case .missing: "fetch the missing file"
    case .unnamed: "give the files the names that llama-gguf-split gave them"
    case .key, .repeatedTensor: "fetch the files of one set again"
    }
  }
}

extension GGUFValue: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unsigned(let number): "\(number)"
    case .signed(let number): "\(number)"
    case .float(let number): "\(number)"
    case .bool(let flag): "\(flag)"
    case .string(let text): GGUFFault.quote(text)
    case .array(let type, let count): "a list of \(count) \(type.name)"
    }
  }
}
