// Tinker's files: PEFT's names and config, but for the output layer, experts and a few projections:
//
//   base_model.model.model.unembed_tokens.lora_A.weight               (r, in)
//   base_model.model.model.layers.0.mlp.experts.w1.lora_A.weight      (experts or 1, r, in)
//   base_model.model.model.layers.0.mlp.experts.w1.lora_B.weight      (experts or 1, out, r)
//   base_model.model.model.layers.0.linear_attn.in_proj_q.lora_A…     rows of in_proj_qkv
//
// w1 is the gate, w3 up, w2 down; a side with one expert is every expert's.
// Source: tinker-cookbook `weights/_merge_utils.py`, `weights/_merge_qwen3_5.py`.
import OrderedJSON
import Safetensors

/// Reads one folder of Tinker's.
struct TinkerReader {
  private let folder: AdapterFolder

  init(_ folder: AdapterFolder) { self.folder = folder }

  /// True for names that PEFT gives none. Every name of every adapter is asked, so none is taken
  /// apart for it.
  static func isOwn(_ name: String) -> Bool {
    name.hasPrefix(prefix) && ownEndings.contains { name.hasSuffix($0) }
  }

  private static let ownEndings: [String] = leaves.flatMap { leaf -> [String] in
    let experts = parts.keys.map { ".experts.\($0)\(leaf.name)" }
    return [".unembed_tokens\(leaf.name)"] + experts
  }

  private static func isExperts(_ names: ArraySlice<Substring>) -> Bool {
    names.count == 2 && names.first == "experts" && parts[String(names.last!)] != nil
  }

  private static let prefix = "base_model.model."
  private static let leaves: [(name: String, isA: Bool)] = [
    (".lora_A.weight", true), (".lora_B.weight", false),
  ]
  private static let parts = ["w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"]

  /// A module's path without PEFT's model around it, and which factor of it.
  private static func key(_ name: String) -> (module: String, isA: Bool)? {
    guard name.hasPrefix(prefix) else { return nil }
    for (leaf, isA) in leaves where name.hasSuffix(leaf) {
      return (String(name.dropFirst(prefix.count).dropLast(leaf.count)), isA)
    }
    return nil
  }

  func adapter() throws(AdapterError) -> Adapter {
    let config = try config()
    var pairs: [String: (a: AdapterTensor?, b: AdapterTensor?)] = [:]
    for tensor in folder.tensors {
      guard let key = Self.key(tensor.name) else {
        throw .unknownTensor(path: folder.path, tensor: tensor.name)
      }
      if key.isA { pairs[key.module, default: (nil, nil)].a = tensor }
      if !key.isA { pairs[key.module, default: (nil, nil)].b = tensor }
    }
    var modules: [AdapterModule] = []
    var setAside: [String] = []
    for path in pairs.keys.sorted() {
      let (a, b) = try pair(path, pairs[path]!)
      // What a model has no such matrix for is saved without elements.
      if a.shape.contains(0), b.shape.contains(0) {
        setAside += [a, b].map { "\($0.name): has no elements" }
        continue
      }
      for tensor in [a, b] { try tensor.check(path: folder.path) }
      var own = try self.modules(path, a, b)
      for index in own.indices {
        own[index].scale = config.scales()(path)
        (own[index].rows, own[index].rowCount) = try rows(path, pairs) ?? (nil, nil)
      }
      modules += own
    }
    return Adapter(
      folder: folder, config: AdapterConfig(format: .tinker, path: folder.configPath),
      modules: modules, families: [], wholeTensors: [], tokenRows: [], setAside: setAside)
  }

  private func pair(
    _ path: String, _ found: (a: AdapterTensor?, b: AdapterTensor?)
  ) throws(AdapterError) -> (a: AdapterTensor, b: AdapterTensor) {
    guard let a = found.a else {
      throw .incomplete(path: folder.path, module: path, has: "lora_B", lacks: "lora_A")
    }
    guard let b = found.b else {
      throw .incomplete(path: folder.path, module: path, has: "lora_A", lacks: "lora_B")
    }
    return (a, b)
  }

  // MARK: Modules

  private func modules(
    _ path: String, _ a: AdapterTensor, _ b: AdapterTensor
  ) throws(AdapterError) -> [AdapterModule] {
    var names = path.split(separator: ".")
    if Self.isExperts(names.suffix(2)) { return try experts(names, a, b) }
    for tensor in [a, b] where tensor.shape.count != 2 {
      throw .shape(
        path: folder.path, tensor: tensor.name, expected: "a matrix", found: tensor.shape)
    }
    if names.suffix(2) == ["model", "unembed_tokens"] { names = ["lm_head"] }
    if let place = names.lastIndex(of: "attn"), place > 1, Int(names[place - 1]) != nil {
      names[place] = "self_attn"
    }
    if Self.fused[String(names.last ?? "")] != nil { names[names.count - 1] = "in_proj_qkv" }
    return [
      AdapterModule(
        path: names.joined(separator: "."), depth: 0, isEmbedding: false, a: a, b: b,
        scalePath: path)
    ]
  }

  /// One pair for each expert, as if it were a module of its own.
  private func experts(
    _ names: [Substring], _ a: AdapterTensor, _ b: AdapterTensor
  ) throws(AdapterError) -> [AdapterModule] {
    for tensor in [a, b] where tensor.shape.count != 3 {
      throw .shape(
        path: folder.path, tensor: tensor.name, expected: "[experts, …, …]", found: tensor.shape)
    }
    let count = max(a.shape[0], b.shape[0])
    for tensor in [a, b] where tensor.shape[0] != 1 && tensor.shape[0] != count {
      throw .shape(
        path: folder.path, tensor: tensor.name, expected: "[\(count) or 1, …, …]",
        found: tensor.shape)
    }
    guard count > 1 else {
      throw .shape(
        path: folder.path, tensor: a.name,
        expected: "one side with all experts, for how many share the pair is not said",
        found: a.shape)
    }
    let block = names.dropLast().joined(separator: ".")
    let part = Self.parts[String(names.last!)]!
    func own(_ tensor: AdapterTensor, _ expert: Int) -> AdapterTensor {
      tensor.slice(tensor.shape[0] == 1 ? 0 : expert, shape: Array(tensor.shape.dropFirst()))
    }
    return (0..<count).map { expert in
      AdapterModule(
        path: "\(block).\(expert).\(part)", depth: 0, isEmbedding: false, a: own(a, expert),
        b: own(b, expert), scalePath: names.joined(separator: "."))
    }
  }

  private static let fused = ["in_proj_q": 0, "in_proj_k": 1, "in_proj_v": 2]

  /// The rows of `in_proj_qkv` that a part of it is for, and how many it has: only the pairs of all
  /// its parts tell.
  private func rows(
    _ path: String, _ pairs: [String: (a: AdapterTensor?, b: AdapterTensor?)]
  ) throws(AdapterError) -> (rows: Range<Int>, count: Int)? {
    guard let dot = path.lastIndex(of: "."),
      let place = Self.fused[String(path[path.index(after: dot)...])]
    else { return nil }
    var ends = [0]
    for part in ["in_proj_q", "in_proj_k", "in_proj_v"] {
      guard let count = pairs[path[...dot] + part]?.b?.shape.first else {
        throw .incomplete(
          path: folder.path, module: String(path[..<dot]),
          has: String(path[path.index(after: dot)...]), lacks: part)
      }
      ends.append(ends.last! + count)
    }
    return (ends[place]..<ends[place + 1], ends[3])
  }

  /// The config beside, read as PEFT's is.
  private func config() throws(AdapterError) -> AdapterConfig {
    let config = try folder.loraConfig()
    guard !config.usesDoRA else {
      throw .switchedOn(
        path: config.path, key: "use_dora", value: "true", reason: "Tinker trains plain LoRA")
    }
    return config
  }
}
