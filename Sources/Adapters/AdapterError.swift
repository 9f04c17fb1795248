// Why an adapter cannot be used. Cases carry facts; `sentence` says what failed, on what, what was
// expected and found, and what to do.
package import GGUF
package import OrderedJSON
package import Safetensors
package import Storage
package import TorchFiles

package enum AdapterError: Error, Equatable {
  case storage(StorageError)
  case container(SafetensorsError)
  case torchFile(TorchFileError)
  case gguf(GGUFError)
  /// adapter_config.json is no JSON or a member is of the wrong kind.
  case badConfig(path: String, JSONError)
  case badMember(path: String, key: String, expected: String)
  /// No adapter_config.json in the folder nor one level down.
  case noConfig(path: String)
  /// A kind of file that is known and not read.
  case foreign(path: String, writer: String, instead: String)
  /// A file of llama.cpp's container that is no LoRA, or has a value that none has.
  case metadata(path: String, key: String, expected: String, found: GGUFValue?)
  /// No config, and tensors that no format without one has.
  case unknownFormat(path: String, tensor: String)
  /// A format that keeps rank and alpha in a config, without it.
  case noScale(path: String)
  /// Several adapters one level down.
  case several(path: String, names: [String])
  /// No weights that can be read; `found` are files that look like weights.
  case noWeights(path: String, found: [String])
  case badIndex(path: String, problem: String)
  /// A family that is not merged.
  case family(path: String, kind: String)
  /// A config key is switched on that changes what the adapter computes.
  case switchedOn(path: String, key: String, value: String, reason: String)
  /// A tensor whose name fits no rule.
  case unknownTensor(path: String, tensor: String)
  /// Two tensors mean the same thing.
  case twice(path: String, first: String, second: String)
  /// A without B, B without A, or DoRA without its magnitude.
  case incomplete(path: String, module: String, has: String, lacks: String)
  case shape(path: String, tensor: String, expected: String, found: [Int])
  /// The files of several ranks or processes were saved without being gathered.
  case emptyTensor(path: String, tensor: String)
  case dtype(path: String, tensor: String, found: DType)
  /// A factor in a type of llama.cpp's that is no float.
  case quantised(path: String, tensor: String, found: GGMLType)
  case pattern(path: String, key: String)
  /// A scalar that must be a plain number is none.
  case scalar(path: String, tensor: String)

  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .container(let error): error.sentence
    case .torchFile(let error): error.sentence
    case .gguf(let error): error.sentence
    case .badConfig(let path, let error): "\(path) is not valid JSON: \(error.sentence)"
    case .badMember(let path, let key, let expected):
      "\(path): \"\(key)\" must be \(expected); correct the file or save the adapter again"
    case .noConfig(let path):
      "\(path) holds no adapter_config.json, nor does a folder in it; "
        + "name the folder that PEFT's save_pretrained wrote"
    case .foreign(let path, let writer, let instead):
      "\(path) is an adapter of \(writer), whose files are not read; \(instead)"
    case .metadata(let path, let key, let expected, let found):
      "\(path): \(key) must be \(expected), \(found?.description ?? "nothing") found; give a LoRA "
        + "that llama.cpp's convert_lora_to_gguf.py wrote"
    case .unknownFormat(let path, let tensor):
      "\(path) has no adapter_config.json beside it, and tensor \"\(tensor)\" is of no kind of "
        + "adapter that is known without one; name an adapter's file or folder"
    case .noScale(let path):
      "\(path) says nothing of alpha; put the adapter_config.json that was written with it (with "
        + "r and lora_alpha) beside it"
    case .several(let path, let names):
      "\(path) holds several adapters (\(names.joined(separator: ", "))); name one of them"
    case .noWeights(let path, let found):
      "\(path) holds no adapter_model.safetensors and no adapter_model.bin"
        + (found.isEmpty
          ? ""
          : "; found \(found.joined(separator: ", ")), which is not read: save it as safetensors")
    case .badIndex(let path, let problem): "\(path): \(problem)"
    case .family(let path, let kind):
      "\(path): peft_type \(kind) is not merged: \(Family.refusal(of: kind))"
    case .switchedOn(let path, let key, let value, let reason):
      "\(path): \"\(key)\" is \(value): \(reason)"
    case .unknownTensor(let path, let tensor):
      "\(path): tensor \"\(tensor)\" is no part of its kind of adapter that is known here; "
        + "nothing was merged, because leaving it out would change the result"
    case .twice(let path, let first, let second):
      "\(path): tensors \"\(first)\" and \"\(second)\" mean the same; keep one of them"
    case .incomplete(let path, let module, let has, let lacks):
      "\(path): module \"\(module)\" has \(has) but no \(lacks); the file is incomplete"
    case .shape(let path, let tensor, let expected, let found):
      "\(path): tensor \"\(tensor)\" has shape \(found), expected \(expected)"
    case .emptyTensor(let path, let tensor):
      "\(path): tensor \"\(tensor)\" has no elements; sharded training must gather the adapter "
        + "before it is saved (ZeRO-3, FSDP)"
    case .dtype(let path, let tensor, let found):
      "\(path): tensor \"\(tensor)\" is \(found.rawValue); F64, F32, F16 or BF16 expected"
    case .quantised(let path, let tensor, let found):
      "\(path): tensor \"\(tensor)\" is \(found.name), F32, F16 or BF16 expected; convert the "
        + "adapter anew with convert_lora_to_gguf.py --outtype f32"
    case .scalar(let path, let tensor):
      "\(path): tensor \"\(tensor)\" must hold one number other than 0; correct the file or save "
        + "the adapter again"
    case .pattern(let path, let key):
      "\(path): pattern \"\(key)\" is not a regular expression that can be read"
    }
  }
}
