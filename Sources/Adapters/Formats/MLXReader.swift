// mlx-lm's adapters: its training arguments as the config, factors stored the other way round.
//
//   adapter_config.json     {"fine_tune_type": "lora", "num_layers": 16,
//                            "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0}, …}
//   adapters.safetensors    model.layers.0.self_attn.q_proj.lora_a   (in, r)
//                           model.layers.0.self_attn.q_proj.lora_b   (r, out)
//
// Δ = scale·lora_bᵀ·lora_aᵀ. Stacked experts keep (experts, r, in) and (experts, out, r), an
// embedding (tokens, r) and (r, dim). Source: mlx-lm `tuner/lora.py`, `tuner/dora.py`.
import OrderedJSON
import Safetensors

/// Reads one folder of mlx-lm's.
struct MLXReader {
  private let folder: AdapterFolder
  private let members: MemberReader
  private let usesDoRA: Bool
  private let isFull: Bool

  init(_ folder: AdapterFolder) throws(AdapterError) {
    self.folder = folder
    members = MemberReader(path: folder.configPath, json: try folder.config() ?? .object([]))
    let kind = try members.text("fine_tune_type") ?? "lora"
    guard ["lora", "dora", "full"].contains(kind) else {
      throw members.wrong("fine_tune_type", "\"lora\", \"dora\" or \"full\"")
    }
    // Before it had types of tuning, mlx-lm wrote a flag.
    usesDoRA = try members.bool("use_dora") || kind == "dora"
    isFull = kind == "full"
  }

  func adapter() throws(AdapterError) -> Adapter {
    let tensors = folder.tensors
    for tensor in tensors { try tensor.check(path: folder.path) }
    // A tied head is computed from the adapted embedding.
    let config = AdapterConfig(
      format: .mlx, path: folder.configPath, usesDoRA: usesDoRA, ensuresWeightTying: true)
    var wholes: [WholeTensor] = []
    if isFull { for tensor in tensors { wholes += try self.wholes(tensor) } }
    return Adapter(
      folder: folder, config: config, modules: isFull ? [] : try modules(tensors), families: [],
      wholeTensors: wholes, tokenRows: [], setAside: [])
  }

  // MARK: Pairs

  private func modules(_ tensors: [AdapterTensor]) throws(AdapterError) -> [AdapterModule] {
    let scale = try self.scale()
    var parts: [String: [String: AdapterTensor]] = [:]
    for tensor in tensors {
      let segments = tensor.name.split(separator: ".").map(String.init)
      guard segments.count > 1, let leaf = segments.last, ["lora_a", "lora_b", "m"].contains(leaf)
      else { throw .unknownTensor(path: folder.path, tensor: tensor.name) }
      parts[segments.dropLast().joined(separator: "."), default: [:]][leaf] = tensor
    }
    var modules: [AdapterModule] = []
    for path in parts.keys.sorted() { modules += try self.modules(path, parts[path]!, scale) }
    return modules
  }

  private func modules(
    _ path: String, _ parts: [String: AdapterTensor], _ scale: AdapterConfig.Scale
  ) throws(AdapterError) -> [AdapterModule] {
    func part(_ leaf: String, of has: String? = nil) throws(AdapterError) -> AdapterTensor {
      if let tensor = parts[leaf] { return tensor }
      throw .incomplete(
        path: folder.path, module: path, has: has ?? parts.keys.sorted()[0], lacks: leaf)
    }
    let (a, b) = (try part("lora_a"), try part("lora_b", of: "lora_a"))
    if b.shape.count == 3 {
      guard parts["m"] == nil else {
        throw .unknownTensor(path: folder.path, tensor: parts["m"]!.name)
      }
      return try experts(path, a, b, scale)
    }
    for tensor in [a, b] where tensor.shape.count != 2 {
      throw .shape(
        path: folder.path, tensor: tensor.name, expected: "a matrix", found: tensor.shape)
    }
    let magnitude = usesDoRA ? try part("m", of: "lora_a") : parts["m"]
    if !usesDoRA, let magnitude {
      throw .switchedOn(
        path: members.path, key: "fine_tune_type", value: "\"lora\"",
        reason: "but tensor \"\(magnitude.name)\" belongs to DoRA; one of the two is wrong")
    }
    var module = AdapterModule(
      path: path, depth: 0, isEmbedding: Self.isEmbedding(path), a: a, b: b, magnitude: magnitude,
      scalePath: path)
    module.isTransposed = true
    module.scale = scale
    return [module]
  }

  /// A stack's pairs, one for each expert, under the names of matrices of their own. Unlike those
  /// of linear layers these factors lie as PEFT's do; old files keep A flat, (experts·r, in).
  private func experts(
    _ path: String, _ a: AdapterTensor, _ b: AdapterTensor, _ scale: AdapterConfig.Scale
  ) throws(AdapterError) -> [AdapterModule] {
    let (count, out, rank) = (b.shape[0], b.shape[1], b.shape[2])
    let width = a.shape.last ?? 0
    guard a.shape == [count, rank, width] || a.shape == [count * rank, width] else {
      throw .shape(
        path: folder.path, tensor: a.name, expected: "[\(count), \(rank), in]", found: a.shape)
    }
    return try (0..<count).map { expert throws(AdapterError) in
      var module = AdapterModule(
        path: try expertPath(path, expert, a), depth: 0, isEmbedding: false,
        a: a.slice(expert, shape: [rank, width]), b: b.slice(expert, shape: [out, rank]),
        scalePath: path)
      module.scale = scale
      return module
    }
  }

  /// `mlp.switch_mlp.up_proj` of one expert: `mlp.experts.3.up_proj`.
  private func expertPath(
    _ path: String, _ expert: Int, _ tensor: AdapterTensor
  ) throws(AdapterError) -> String {
    var segments = path.split(separator: ".").map(String.init)
    guard segments.count >= 3, ["switch_mlp", "experts"].contains(segments[segments.count - 2])
    else { throw .unknownTensor(path: folder.path, tensor: tensor.name) }
    segments[segments.count - 2] = "experts"
    segments.insert("\(expert)", at: segments.count - 1)
    return segments.joined(separator: ".")
  }

  private static func isEmbedding(_ path: String) -> Bool {
    let names = [
      "embed_tokens", "wte", "wpe", "embed_in", "tok_embeddings", "word_embeddings", "embedding",
      "embeddings", "embed_positions",
    ]
    return path.split(separator: ".").last.map { names.contains(String($0)) } ?? false
  }

  // MARK: Scale

  /// `scale` as it stands; times alpha/rank in files of the time when mlx-lm had an alpha.
  private func scale() throws(AdapterError) -> AdapterConfig.Scale {
    guard let json = members.member("lora_parameters"), let keys = json.members else {
      throw members.wrong("lora_parameters", "an object with rank and scale")
    }
    let known: Set = ["rank", "scale", "alpha", "dropout", "keys"]
    for member in keys where member.value.isOn && !known.contains(member.key) {
      throw .switchedOn(
        path: members.path, key: "lora_parameters." + member.key, value: member.value.compact,
        reason: "this key is not known for mlx-lm and may change the result")
    }
    guard let rank = json["rank"]?.int, rank > 0 else {
      throw members.wrong("lora_parameters.rank", "a whole number above 0")
    }
    guard let scale = json["scale"]?.double, scale.isFinite else {
      throw members.wrong("lora_parameters.scale", "a number")
    }
    guard json["alpha"]?.isOn == true else {
      return AdapterConfig.Scale(
        rank: rank, alpha: scale * Double(rank), value: scale, origin: "scale \(scale)",
        rankOrigin: "rank")
    }
    guard let alpha = json["alpha"]?.double, alpha.isFinite else {
      throw members.wrong("lora_parameters.alpha", "a number")
    }
    let value = scale * (alpha / Double(rank))
    return AdapterConfig.Scale(
      rank: rank, alpha: value * Double(rank), value: value,
      origin: "scale \(scale) × alpha \(alpha) / rank \(rank)", rankOrigin: "rank")
  }

  // MARK: Whole tensors

  /// `fine_tune_type: full`: the file holds the trained parameters themselves.
  private func wholes(_ tensor: AdapterTensor) throws(AdapterError) -> [WholeTensor] {
    let segments = tensor.name.split(separator: ".").map(String.init)
    guard segments.count > 1, let parameter = segments.last,
      !["lora_a", "lora_b", "m"].contains(parameter)
    else { throw .unknownTensor(path: folder.path, tensor: tensor.name) }
    let module = segments.dropLast().joined(separator: ".")
    func whole(_ path: String, _ tensor: AdapterTensor) -> WholeTensor {
      WholeTensor(
        module: path, parameter: parameter, tensor: tensor, isDeclared: false, isBaseLayer: false)
    }
    guard tensor.shape.count == 3, module.contains(".switch_mlp.") else {
      return [whole(module, tensor)]
    }
    let shape = Array(tensor.shape.dropFirst())
    return try (0..<tensor.shape[0]).map { expert throws(AdapterError) in
      whole(try expertPath(module, expert, tensor), tensor.slice(expert, shape: shape))
    }
  }
}
