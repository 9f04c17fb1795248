// What a pickle makes. Lists, tuples, dicts, storages and tensors lie in tables and are spoken of
// by their place there: a value never holds another one, so that neither a deep pickle nor one that
// names itself can make anything here recurse or grow.

/// A value of a pickle.
enum PickleValue: Equatable {
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  /// Places in `PickleHeap.lists`.
  case list(Int)
  case tuple(Int)
  /// A place in `PickleHeap.dicts`.
  case dict(Int)
  case global(TorchGlobal)
  /// A place in `PickleHeap.storages`.
  case storage(Int)
  /// A place in `PickleHeap.tensors`.
  case tensor(Int)
  /// A tensor that safetensors cannot hold, with the word for it.
  case unreadable(String)
  /// A value that nothing here asks for, with the word for it.
  case other(String)

  /// What it is, for a sentence.
  var word: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .integer, .number: "a number"
    case .text: "a text"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dict: "a dict"
    case .global: "a name"
    case .storage: "a storage"
    case .tensor: "a tensor"
    case .unreadable(let word), .other(let word): word
    }
  }
}

/// The bytes behind tensors, as the pickle speaks of them.
struct PickledStorage: Equatable {
  /// Nil for bytes without a type.
  var element: TorchElement?
  var key: String
  var isMeta: Bool
  var byteCount: Int
}

/// A tensor: a part of a storage, in elements.
struct PickledTensor: Equatable {
  /// A place in `PickleHeap.storages`.
  var storage: Int
  var element: TorchElement
  var offset: Int
  var shape: [Int]
  var strides: [Int]
}

/// Everything a pickle made.
struct PickleHeap {
  var lists: [[PickleValue]] = []
  var dicts: [[(key: PickleValue, value: PickleValue)]] = []
  var storages: [PickledStorage] = []
  var tensors: [PickledTensor] = []
}
