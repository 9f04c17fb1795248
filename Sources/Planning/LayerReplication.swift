// `layer_replication`: before training, the stack of decoder layers was made longer by copies of
// its own layers, and the adapter has a pair for each copy. The output holds the copies, each with
// its own update, and a config of as many layers.
//
//   "layer_replication": [[0, 4], [2, 5]]     layers 0 1 2 3 2 3 4, now numbered 0 to 6
//
// Source: PEFT `tuners/tuners_utils.py`, replicate_layers. PEFT lets copies share one weight, so
// that its own merge adds every copy's update to it; its unmerged model is what is meant.
import Adapters
import Checkpoints
import OrderedJSON

struct LayerReplication: Equatable {
  /// By the output's number, the base's.
  let sources: [Int]
  /// What precedes a layer's number: `model.layers.`
  let prefix: String
  /// How many layers the base has.
  let count: Int

  /// Nil where no adapter was trained on copies.
  init?(_ adapters: [Adapter], _ checkpoint: Checkpoint) throws(PlanningError) {
    guard let first = adapters.first(where: { !$0.config.layerReplication.isEmpty }) else {
      return nil
    }
    func refusal(_ problem: String) -> PlanningError {
      .replication(adapter: first.path, problem: problem)
    }
    guard checkpoint.quantized.isEmpty else {
      throw refusal("the base is quantised, and its layers are copied as plain weights alone")
    }
    let ranges = first.config.layerReplication
    if let other = adapters.first(where: { $0.config.layerReplication != ranges }) {
      throw refusal("\(other.path) was trained on other layers; merge them one by one")
    }
    let stacks = Self.stacks(checkpoint)
    guard let (prefix, numbers) = stacks.first, stacks.count == 1 else {
      let names = stacks.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      throw refusal(
        "the base has \(stacks.isEmpty ? "no stack of layers" : "several stacks (\(names))")")
    }
    count = numbers.count
    guard numbers == Set(0..<count) else {
      throw refusal("the base's \"\(prefix)\" are not numbered from 0 on without a gap")
    }
    sources = ranges.flatMap { Array($0) }
    self.prefix = prefix
    if let missing = sources.first(where: { $0 >= count }) {
      throw refusal("layer \(missing) is copied, but the base has \(count) layers")
    }
  }

  /// Numbers of layers by what precedes them, in stacks that PEFT can make longer.
  private static func stacks(_ checkpoint: Checkpoint) -> [String: Set<Int>] {
    var stacks: [String: Set<Int>] = [:]
    for tensor in checkpoint.tensors {
      guard let layer = LayerName(tensor.name) else { continue }
      let words = layer.prefix.split(separator: ".")
      guard words.last == "layers" || words.last == "h" || words.suffix(2) == ["encoder", "layer"]
      else { continue }
      stacks[String(layer.prefix), default: []].insert(layer.number)
    }
    return stacks
  }

  /// The base with its layers copied: every copy is the same bytes of the same file.
  func applied(to checkpoint: Checkpoint) -> Checkpoint {
    var places: [Int: [Int]] = [:]
    for (place, source) in sources.enumerated() { places[source, default: []].append(place) }
    return checkpoint.withTensors(
      checkpoint.tensors.flatMap { tensor -> [BaseTensor] in
        guard let layer = LayerName(tensor.name), layer.prefix == prefix else { return [tensor] }
        return (places[layer.number] ?? []).map { place in
          var copy = tensor
          copy.name = "\(prefix)\(place)\(layer.rest)"
          return copy
        }
      })
  }

  // MARK: Config

  private static let counts = ["num_hidden_layers", "n_layer", "num_layers", "n_layers"]
  /// One element for each layer.
  private static let lists = [
    "layer_types", "mlp_layer_types", "layers_block_type", "no_rope_layers", "attention_types",
  ]
  /// Numbers of layers.
  private static let numbers = ["mlp_only_layers", "moe_layers", "full_attn_idxs"]
  /// Say by a rule which layers are of which make.
  private static let rules = [
    "first_k_dense_replace", "max_window_layers", "full_attention_interval", "moe_layer_freq",
    "decoder_sparse_step", "num_kv_shared_layers", "sliding_window_pattern",
    "interleave_moe_layer_step",
  ]

  /// Members of one config object that must say it differently.
  func changes(_ config: JSON) -> [(key: String, value: JSON)] {
    var changes: [(key: String, value: JSON)] = []
    for key in Self.counts where config[key]?.int == count {
      changes.append((key, .integer(sources.count)))
    }
    for key in Self.lists {
      guard let list = config[key]?.elements, list.count == count else { continue }
      changes.append((key, .array(sources.map { list[$0] })))
    }
    for key in Self.numbers {
      guard let list = config[key]?.elements, !list.isEmpty else { continue }
      let old = Set(list.compactMap(\.int))
      let new = sources.indices.filter { old.contains(sources[$0]) }
      changes.append((key, .array(new.map { .integer($0) })))
    }
    return changes
  }

  /// Members of the config that nobody can say how to change.
  func doubtful(_ config: JSON) -> [String] {
    Self.rules.filter { config[$0]?.isOn == true }
  }
}
