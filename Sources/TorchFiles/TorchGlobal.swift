// The names that a pickle may speak of. A pickle calls what it names; here a name is a case of a
// closed enum, and there is nothing behind it that could be called.
import Safetensors

/// What a storage's or a tensor's elements are, as torch names them.
struct TorchElement: Equatable {
  /// Without `torch.`, e.g. `bfloat16`.
  var name: String
  /// Nil where safetensors has no such type.
  var dtype: DType?
  var byteCount: Int
}

/// A name of a pickle that is known.
enum TorchGlobal: Equatable {
  case orderedDict
  /// `_rebuild_tensor` and `_rebuild_tensor_v2`: the storage's class tells the element type.
  case tensor
  /// `_rebuild_tensor_v3`: the element type is told beside an untyped storage.
  case typedTensor
  case parameter
  /// `_rebuild_from_type_v2`: a tensor with attributes, made by one of those above.
  case attributed
  /// A class of plain tensors.
  case tensorClass
  case size
  /// Makes a value that says nothing of a tensor's bytes (a device, a layout), with its word.
  case setting(String)
  /// A constant of tensors that are not read.
  case constant
  /// A class of storages; nil elements for bytes without a type.
  case storage(TorchElement?)
  case element(TorchElement)
  /// Makes a tensor that safetensors cannot hold, with the word for it.
  case unreadable(String)

  /// The global of a module and a name in it; nil for all that is not listed here.
  init?(_ module: String, _ name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDict
    case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
      self = .tensor
    case ("torch._utils", "_rebuild_tensor_v3"): self = .typedTensor
    case ("torch._utils", "_rebuild_parameter"),
      ("torch._utils", "_rebuild_parameter_with_state"):
      self = .parameter
    case ("torch", "Size"): self = .size
    case ("torch", "device"): self = .setting("a device")
    case ("torch.serialization", "_get_layout"): self = .setting("a layout")
    case ("torch", "UntypedStorage"), ("torch.storage", "UntypedStorage"),
      ("torch", "TypedStorage"), ("torch.storage", "TypedStorage"):
      self = .storage(nil)
    case ("torch._utils", let name):
      guard let word = Self.unreadable[name] else { return nil }
      self = .unreadable(word)
    case ("torch._tensor", "_rebuild_from_type_v2"): self = .attributed
    case ("torch", "Tensor"), ("torch.nn.parameter", "Parameter"): self = .tensorClass
    case ("torch", let name):
      if let element = Self.elements[name] {
        self = .element(TorchElement(name: name, dtype: element.dtype, byteCount: element.size))
      } else if let type = Self.storages[name], let element = Self.elements[type] {
        self = .storage(TorchElement(name: type, dtype: element.dtype, byteCount: element.size))
      } else if Self.constants.contains(name) {
        self = .constant
      } else {
        return nil
      }
    default: return nil
    }
  }

  private static let unreadable = [
    "_rebuild_qtensor": "a quantised tensor", "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor of the meta device, which has no values",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_wrapper_subclass": "a tensor subclass",
    "_rebuild_device_tensor_from_numpy": "a tensor of another device's own kind",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of another device's own kind",
  ]

  /// Types by torch's name for them (torch `_C`'s dtypes), with the bytes of an element.
  private static let elements: [String: (dtype: DType?, size: Int)] = [
    "bool": (.bool, 1), "uint8": (.u8, 1), "int8": (.i8, 1), "int16": (.i16, 2),
    "int32": (.i32, 4), "int64": (.i64, 8), "uint16": (.u16, 2), "uint32": (.u32, 4),
    "uint64": (.u64, 8), "float16": (.f16, 2), "bfloat16": (.bf16, 2), "float32": (.f32, 4),
    "float64": (.f64, 8), "complex32": (nil, 4), "complex64": (.c64, 8), "complex128": (nil, 16),
    "float8_e4m3fn": (.f8E4M3, 1), "float8_e5m2": (.f8E5M2, 1),
    "float8_e4m3fnuz": (.f8E4M3FNUZ, 1), "float8_e5m2fnuz": (.f8E5M2FNUZ, 1),
    "float8_e8m0fnu": (.f8E8M0, 1), "float4_e2m1fn_x2": (.f4, 1), "quint8": (nil, 1),
    "qint8": (nil, 1), "qint32": (nil, 4), "quint4x2": (nil, 1), "quint2x4": (nil, 1),
  ]

  /// How quantised tensors were quantised.
  private static let constants: Set = [
    "per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
    "per_channel_affine_float_qparams",
  ]

  private static let storages = [
    "BoolStorage": "bool", "ByteStorage": "uint8", "CharStorage": "int8", "ShortStorage": "int16",
    "IntStorage": "int32", "LongStorage": "int64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "FloatStorage": "float32", "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
    "QUInt8Storage": "quint8", "QInt8Storage": "qint8", "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
  ]
}
