// What the calls of torch's own pickles make: tensors as parts of storages. The arguments are those
// of the functions of the same names in torch's `_utils.py`; a storage's are those of
// `serialization.py`: ("storage", class, key, location, count[, view]).
import Safetensors

extension PickleMachine {
  /// What a global gives for its arguments.
  mutating func call(
    _ global: TorchGlobal, _ arguments: [PickleValue]
  ) throws(TorchFault) -> PickleValue {
    switch global {
    case .orderedDict:
      guard arguments.isEmpty else { throw malformed }
      return dict()
    case .size:
      guard arguments.count == 1, case .tuple = arguments[0] else { throw malformed }
      return arguments[0]
    case .setting(let word): return .other(word)
    case .unreadable(let word): return .unreadable(word)
    case .parameter:
      switch arguments.first {
      case .tensor, .unreadable: return arguments[0]
      default: throw malformed
      }
    case .tensor: return try tensor(arguments, element: nil)
    case .typedTensor:
      guard arguments.count >= 7, case .global(.element(let element)) = arguments[6] else {
        throw malformed
      }
      return try tensor(arguments, element: element, metadata: 7)
    case .attributed: return try attributed(arguments)
    case .storage, .element, .constant, .tensorClass: throw .call("a class or a constant")
    }
  }

  /// (function, class, its arguments, attributes): the attributes change no element.
  private mutating func attributed(_ arguments: [PickleValue]) throws(TorchFault) -> PickleValue {
    guard arguments.count >= 3, arguments[1] == .global(.tensorClass),
      case .tuple(let place) = arguments[2]
    else { throw malformed }
    switch arguments[0] {
    // No other one: a call that makes a call could go on for ever.
    case .global(.tensor): return try call(.tensor, heap.lists[place])
    case .global(.typedTensor): return try call(.typedTensor, heap.lists[place])
    case .global(.unreadable(let word)): return .unreadable(word)
    default: throw malformed
    }
  }

  /// (storage, offset, size, stride[, requires_grad, hooks[, dtype][, metadata]]).
  private mutating func tensor(
    _ arguments: [PickleValue], element: TorchElement?, metadata: Int = 6
  ) throws(TorchFault) -> PickleValue {
    guard arguments.count >= 4, case .storage(let place) = arguments[0],
      case .integer(let offset) = arguments[1]
    else { throw malformed }
    let shape = try numbers(arguments[2])
    let strides = try numbers(arguments[3])
    guard shape.count == strides.count else { throw malformed }
    let storage = heap.storages[place]
    if storage.isMeta { return .unreadable("a tensor of the meta device, which has no values") }
    guard let element = element ?? storage.element else {
      return .unreadable("a tensor without an element type")
    }
    if arguments.count > metadata, case .dict(let place) = arguments[metadata] {
      guard heap.dicts[place].count <= 8 else { throw malformed }
      // Conjugated or negated when it is read: the bytes are not the values.
      for (key, value) in heap.dicts[place] where value != .bool(false) {
        return .unreadable("a tensor marked \(key == .text("conj") ? "conj" : "neg")")
      }
    }
    heap.tensors.append(
      PickledTensor(
        storage: place, element: element, offset: offset, shape: shape, strides: strides))
    return .tensor(heap.tensors.count - 1)
  }

  /// Extents or strides; torch has at most 64 of them.
  private func numbers(_ value: PickleValue) throws(TorchFault) -> [Int] {
    guard case .tuple(let place) = value, heap.lists[place].count <= 64 else { throw malformed }
    var numbers: [Int] = []
    for value in heap.lists[place] {
      guard case .integer(let number) = value else { throw malformed }
      numbers.append(number)
    }
    return numbers
  }

  /// The storage of a persistent id.
  mutating func storage(_ id: PickleValue) throws(TorchFault) -> PickleValue {
    guard case .tuple(let place) = id else { throw malformed }
    let parts = heap.lists[place]
    guard parts.count == 5 || parts.count == 6, parts[0] == .text("storage"),
      case .global(.storage(let element)) = parts[1], case .text(let key) = parts[2],
      case .text(let location) = parts[3], case .integer(let count) = parts[4], count >= 0
    else { throw malformed }
    if parts.count == 6, parts[5] != .none { throw .storageView(key) }
    let (byteCount, isLarge) = count.multipliedReportingOverflow(by: element?.byteCount ?? 1)
    guard !isLarge else { throw malformed }
    heap.storages.append(
      PickledStorage(
        element: element, key: key, isMeta: location == "meta", byteCount: byteCount))
    return .storage(heap.storages.count - 1)
  }
}
