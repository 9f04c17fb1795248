// From what a pickle made to tensors by their names. A dict of tensors is taken as it is; one that
// holds a single dict of them under a name that trainers use is opened, and what lies beside it
// (the optimiser's state, the step) is none of the weights.

enum StateDict {
  private static let wrappers = ["state_dict", "model", "module", "model_state_dict"]

  /// Names and tensors, in the dict's order.
  static func tensors(
    _ archive: TorchArchive
  ) throws(TorchFault) -> [(name: String, tensor: PickledTensor)] {
    guard case .dict(let place) = archive.root else {
      throw .notADict(found: archive.root.word)
    }
    let entries = archive.heap.dicts[place]
    if entries.contains(where: { isTensor($0.value) }) { return try tensors(entries, archive.heap) }
    var inner: [(key: String, place: Int)] = []
    for (key, value) in entries {
      guard case .text(let name) = key, wrappers.contains(name), case .dict(let place) = value,
        archive.heap.dicts[place].contains(where: { isTensor($0.value) })
      else { continue }
      inner.append((name, place))
    }
    guard inner.count <= 1 else { throw .severalDicts(inner.map(\.key)) }
    guard let only = inner.first else {
      throw .noTensors(
        keys: entries.map { if case .text(let name) = $0.key { name } else { $0.key.word } })
    }
    return try tensors(archive.heap.dicts[only.place], archive.heap)
  }

  private static func isTensor(_ value: PickleValue) -> Bool {
    switch value {
    case .tensor, .unreadable: true
    default: false
    }
  }

  private static func tensors(
    _ entries: [(key: PickleValue, value: PickleValue)], _ heap: PickleHeap
  ) throws(TorchFault) -> [(name: String, tensor: PickledTensor)] {
    var tensors: [(name: String, tensor: PickledTensor)] = []
    var names: Set<String> = []
    for (key, value) in entries {
      guard case .text(let name) = key else { throw .keyIsNoText(found: key.word) }
      guard names.insert(name).inserted else { throw .repeatedTensor(name) }
      switch value {
      case .tensor(let place): tensors.append((name, heap.tensors[place]))
      case .unreadable(let word): throw .unreadableTensor(name, found: word)
      default: throw .notATensor(name: name, found: value.word)
      }
    }
    return tensors
  }
}
