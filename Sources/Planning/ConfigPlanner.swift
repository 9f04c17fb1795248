// What the output's config.json must say differently from the base's, member by member.
import Adapters
import Checkpoints
import OrderedJSON
import Safetensors

struct ConfigPlanner {
  private let base: BaseModel
  private let adapters: [AdapterConfig]
  private let replication: LayerReplication?
  private var config: JSON? { base.checkpoint.config }

  init(_ base: BaseModel, _ adapters: [AdapterConfig], _ replication: LayerReplication?) {
    self.base = base
    self.adapters = adapters
    self.replication = replication
  }

  /// All changes, in a fixed order. A base without config.json gets none.
  func changes(
    _ drafts: DraftTable, isUntied: Bool, tie: EmbeddingTie?, _ dtype: MergeOptions.OutputDType
  ) -> [ConfigChange] {
    guard config?.members != nil else { return [] }
    var changes: [ConfigChange] = []
    // diffusers' configs say nothing of the dtype.
    if let name = dtype.dtype?.torchName, config?["_class_name"] == nil {
      changes += dtypeChanges(name)
    }
    if isUntied {
      changes += set("tie_word_embeddings", to: .bool(false), addAtTop: true)
    }
    if let rows = vocabulary(drafts, tie) {
      changes += set("vocab_size", to: .integer(rows), addAtTop: false)
    }
    return changes + layerChanges() + headChanges(drafts)
  }

  /// Things a person should look at.
  func warnings(_ drafts: DraftTable) -> [String] {
    var warnings: [String] = []
    if let replication {
      let doubtful = objects.flatMap { replication.doubtful($0.value) }
      if !doubtful.isEmpty {
        warnings.append(
          "layers are copied, and config.json says by \(doubtful.joined(separator: ", ")) which "
            + "layers are of which make; see that it is true of the output's")
      }
    }
    guard !drafts.added.isEmpty, newHead(drafts) != nil, architecture == nil else {
      return warnings
    }
    return warnings + [
      "the adapter adds \(drafts.added.map { "\"\($0)\"" }.joined(separator: ", ")), but nothing "
        + "says which class reads it; set \"architectures\" in the output's config.json"
    ]
  }

  /// Sets a member at the top and in every nested config that has it.
  private func set(_ key: String, to value: JSON, addAtTop: Bool) -> [ConfigChange] {
    objects.filter { path, object in
      object[key] != value && (object[key] != nil || addAtTop && path.isEmpty)
    }.map { ConfigChange(path: $0.path + [key], value: value.compact) }
  }

  /// The config itself and the objects in it, such as `text_config`.
  private var objects: [(path: [String], value: JSON)] {
    guard let config else { return [] }
    return [([], config)]
      + (config.members ?? []).filter { $0.value.members != nil }.map { ([$0.key], $0.value) }
  }

  private func layerChanges() -> [ConfigChange] {
    guard let replication else { return [] }
    return objects.flatMap { path, object in
      replication.changes(object).map {
        ConfigChange(path: path + [$0.key], value: $0.value.compact)
      }
    }
  }

  private func dtypeChanges(_ name: String) -> [ConfigChange] {
    let named = set("dtype", to: .string(name), addAtTop: false)
    let old = set(
      "torch_dtype", to: .string(name),
      addAtTop: config?["dtype"] == nil)
    return named + old
  }

  /// The new number of rows where the embedding was resized.
  private func vocabulary(_ drafts: DraftTable, _ tie: EmbeddingTie?) -> Int? {
    for pair in EmbeddingTie.pairs {
      let name = pair.embedding + ".weight"
      if let draft = drafts[name], let old = base.tensor(name), draft.shape != old.shape {
        return draft.shape[0]
      }
    }
    return nil
  }

  // MARK: Heads

  /// The first added weight matrix: a task's head.
  private func newHead(_ drafts: DraftTable) -> TensorDraft? {
    drafts.added.compactMap { drafts[$0] }.first { draft in
      let leaf = draft.name.split(separator: ".").dropLast()
      return draft.shape.count == 2
        && leaf.contains { ["classifier", "score", "qa_outputs"].contains($0) }
    }
  }

  /// The class that reads the head: what PEFT saved, or the base's with the task's ending.
  private var architecture: String? {
    if let saved = adapters.lazy.compactMap(\.baseModelClass).first { return saved }
    let endings = [
      "SEQ_CLS": "ForSequenceClassification", "TOKEN_CLS": "ForTokenClassification",
      "QUESTION_ANS": "ForQuestionAnswering",
    ]
    guard let ending = adapters.lazy.compactMap({ $0.taskType.flatMap { endings[$0] } }).first,
      let old = base.architecture
    else { return nil }
    for suffix in ["ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForPreTraining", "Model"]
    where old.hasSuffix(suffix) { return old.dropLast(suffix.count) + ending }
    return nil
  }

  private func headChanges(_ drafts: DraftTable) -> [ConfigChange] {
    guard let head = newHead(drafts), let architecture else { return [] }
    var changes = [
      ConfigChange(
        path: ["architectures"], value: JSON.array([.string(architecture)]).compact)
    ]
    let labels = head.shape[0]
    if config?["id2label"]?.members?.count != labels {
      let names = (0..<labels).map { "LABEL_\($0)" }
      let forward = names.enumerated().map { JSON.Member(key: "\($0)", value: .string($1)) }
      let back = names.enumerated().map { JSON.Member(key: $1, value: .integer($0)) }
      changes.append(ConfigChange(path: ["id2label"], value: JSON.object(forward).compact))
      changes.append(ConfigChange(path: ["label2id"], value: JSON.object(back).compact))
    }
    return changes
  }
}
