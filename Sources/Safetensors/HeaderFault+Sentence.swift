// The prose of a header's faults: `finding` says what is wrong, `advice` what to do about it.
import OrderedJSON

extension HeaderFault {
  /// What was expected and found.
  var finding: String {
    switch self {
    case .noHeader(let count): "a header expected, a file of \(count) bytes found"
    case .gitPointer: "it is a Git LFS pointer, not the file itself"
    case .headerTooLong(let count):
      "a header of at most 100000000 bytes expected, \(count) found"
    case .headerBeyondFile(let expected, let found):
      "the header ends at byte \(expected), the file at byte \(found)"
    case .json(let error): "the header is not the JSON expected: \(error.sentence)"
    case .repeatedTensor(let name): "tensor \(Self.quote(name)) stands twice in the header"
    case .repeatedMetadata: "__metadata__ stands twice in the header"
    case .badMetadata(let error): "__metadata__ must map texts to texts: \(error.sentence)"
    case .partialTensors:
      "it holds parts of tensors (DCP_SHARDING_INFO in __metadata__), not whole ones"
    case .badEntry(let tensor, let error):
      "tensor \(Self.quote(tensor)) is not described by an object: \(error.sentence)"
    case .missingField(let tensor, let field): "tensor \(Self.quote(tensor)) has no \(field)"
    case .repeatedField(let tensor, let field):
      "tensor \(Self.quote(tensor)) gives \(field) twice"
    case .badField(let tensor, let field, let error):
      "tensor \(Self.quote(tensor)) has a wrong \(field): \(error.sentence)"
    case .unknownDType(let tensor, let found):
      "tensor \(Self.quote(tensor)) has the unknown dtype \(Self.quote(found))"
    case .negative(let tensor, let field, let found):
      "tensor \(Self.quote(tensor)) has \(found) in its \(field), at least 0 expected"
    case .offsetCount(let tensor, let found):
      "tensor \(Self.quote(tensor)) has \(found) data_offsets, 2 expected"
    case .reversedOffsets(let tensor, let begin, let end):
      "tensor \(Self.quote(tensor)) begins at \(begin), behind its end at \(end)"
    case .shapeTooLarge(let tensor, let dtype, let shape):
      "tensor \(Self.quote(tensor)) (\(dtype.rawValue) \(shape)) is larger than 63 bits can count"
    case .partialByte(let tensor, let dtype, let shape, let count):
      "tensor \(Self.quote(tensor)) (\(dtype.rawValue) \(shape)) takes \(count) bits, "
        + "whole bytes expected"
    case .wrongByteCount(let tensor, let dtype, let shape, let expected, let found):
      "tensor \(Self.quote(tensor)) (\(dtype.rawValue) \(shape)) takes \(expected) bytes, "
        + "its data_offsets hold \(found)"
    case .hole(let tensor, let expected, let found):
      "tensor \(Self.quote(tensor)) begins at \(found), the tensors before it end at \(expected)"
    case .overlap(let tensor, let expected, let found):
      "tensor \(Self.quote(tensor)) begins at \(found), inside the tensor before it, "
        + "which ends at \(expected)"
    case .truncated(let expected, let found):
      "its tensors take \(expected) bytes, the file holds \(found)"
    case .trailingBytes(let expected, let found):
      "its tensors take \(expected) bytes, the file holds \(found), more than they fill"
    }
  }

  /// What to do next.
  var advice: String {
    switch self {
    case .gitPointer: "fetch it with `git lfs pull`"
    case .noHeader, .headerBeyondFile, .truncated: "the file is cut short, fetch it again"
    case .partialTensors:
      "join the parts first, with torch's consolidate_safetensors_files"
    case .unknownDType: "this version reads the types up to safetensors 0.8"
    default: "fetch the file again, or write it anew with the safetensors library"
    }
  }

  /// A name from the file, with what a terminal would act on escaped, cut where it is long.
  private static func quote(_ name: String) -> String {
    let cut = name.unicodeScalars.count > 200
    return JSON.string(cut ? String(name.unicodeScalars.prefix(200)) + "…" : name).compact
  }
}
