// The prose of the faults: `finding` says what is wrong, `advice` what to do about it.
import OrderedJSON

extension TorchFault {
  /// What was expected and found.
  var finding: String {
    switch self {
    case .empty: "the file is empty"
    case .gitPointer: "it is a Git LFS pointer, not the file itself"
    case .foreign: "it is neither a zip nor a pickle that torch wrote"
    case .tar: "it is a tar, as torch wrote before version 0.1.10"
    case .bigEndian: "its numbers are big-endian"
    case .noDirectory: "it begins as a zip and does not end as one"
    case .directoryBeyondFile(let expected, let found):
      "the zip's directory ends at byte \(expected), the file holds \(found) before its end record"
    case .badEntry(let index): "entry \(index) of the zip's directory is not whole"
    case .repeatedMember(let name): "member \(Self.quote(name)) stands twice in the zip"
    case .compressed(let name): "member \(Self.quote(name)) is compressed, and torch stores plainly"
    case .encrypted(let name): "member \(Self.quote(name)) is encrypted"
    case .badMember(let name): "member \(Self.quote(name)) is not where the directory says"
    case .memberBeyondFile(let name, let expected, let found):
      "member \(Self.quote(name)) ends at byte \(expected), the zip's directory begins at \(found)"
    case .noPickle: "the zip holds no data.pkl"
    case .severalPickles: "the zip holds several data.pkl"
    case .torchScript: "it is a TorchScript program (constants.pkl), not weights alone"
    case .longPickle(let count):
      "a pickle of at most \(TorchFile.pickleByteCountMax) bytes expected, \(count) found"
    default: pickleFinding
    }
  }

  private var pickleFinding: String {
    switch self {
    case .notAPickle: "its data.pkl does not begin as a pickle"
    case .protocolVersion(let found): "a pickle of protocol 2 expected, \(found) found"
    case .opcode(let name, let offset):
      "its pickle uses opcode \(name) at byte \(offset), which torch's weights have no need of"
    case .global(let name):
      "its pickle names \(Self.quote(name)), which is no part of plain weights and was not run"
    case .call(let found): "its pickle calls \(found), which is no function, and nothing was run"
    case .attributes(let found): "its pickle gives attributes to \(found)"
    case .malformedPickle(let offset): "its pickle makes no sense at byte \(offset)"
    case .pickleEnds(let offset): "its pickle ends at byte \(offset), before its STOP"
    case .tooManyValues: "its pickle makes more values than any checkpoint's"
    case .storageView(let key): "storage \(Self.quote(key)) is a view of another one"
    case .storageBeyondFile(let key): "its storage \(Self.quote(key)) ends behind the file"
    case .oldFormat(let part): "its \(part) is not that of torch's old format"
    default: tensorFinding
    }
  }

  private var tensorFinding: String {
    switch self {
    case .notADict(let found): "a dict of tensors expected, \(found) found"
    case .noTensors(let keys):
      keys.isEmpty
        ? "its dict is empty"
        : "its dict holds no tensors, nor a dict of them named state_dict, model, module or "
          + "model_state_dict; its keys are \(Self.list(keys))"
    case .severalDicts(let keys): "it holds several dicts of tensors: \(Self.list(keys))"
    case .notATensor(let name, let found):
      "a tensor expected as \(Self.quote(name)), \(found) found"
    case .keyIsNoText(let found): "a text expected as each tensor's name, \(found) found"
    case .repeatedTensor(let name): "tensor \(Self.quote(name)) stands twice in its dict"
    case .unreadableTensor(let name, let found): "tensor \(Self.quote(name)) is \(found)"
    case .noSafetensorsType(let name, let element):
      "tensor \(Self.quote(name)) is of type \(element), which safetensors does not have"
    case .missingStorage(let tensor, let key):
      "the storage \(Self.quote(key)) of tensor \(Self.quote(tensor)) is missing"
    case .storageSize(let tensor, let key, let expected, let found):
      "the storage \(Self.quote(key)) of tensor \(Self.quote(tensor)) takes \(expected) bytes, "
        + "\(found) found"
    case .outsideStorage(let tensor, let shape, let strides, let offset):
      "tensor \(Self.quote(tensor)) (shape \(shape), strides \(strides), offset \(offset)) "
        + "leaves its storage"
    default: ""
    }
  }

  /// What to do next.
  var advice: String {
    switch self {
    case .gitPointer: "fetch it with `git lfs pull`"
    case .empty, .noDirectory, .directoryBeyondFile, .badEntry, .badMember, .memberBeyondFile,
      .pickleEnds, .missingStorage, .storageSize, .storageBeyondFile:
      "the file is cut short or damaged, fetch it again"
    case .foreign: "give a file that torch.save wrote, or safetensors"
    case .repeatedMember, .malformedPickle, .outsideStorage, .repeatedTensor:
      "do not use this file, fetch it again from where you trust it"
    case .unreadableTensor, .noSafetensorsType:
      "load the model with torch, make plain tensors of such, and save it as safetensors"
    case .noTensors, .severalDicts, .notADict, .notATensor, .keyIsNoText:
      "save the one state_dict that is meant, as safetensors"
    default:
      "if you trust it, load it with torch and save its state_dict as safetensors"
    }
  }

  /// A name from the file, with what a terminal would act on escaped, cut where it is long.
  private static func quote(_ name: String) -> String {
    let cut = name.unicodeScalars.count > 200
    return JSON.string(cut ? String(name.unicodeScalars.prefix(200)) + "…" : name).compact
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(6).map(quote).joined(separator: ", ")
    return names.count > 6 ? "\(shown) and \(names.count - 6) more" : shown
  }
}
