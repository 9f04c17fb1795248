// A LoRA in llama.cpp's container, as its convert_lora_to_gguf.py writes it from PEFT's:
//
//   general.type  adapter            general.architecture  llama
//   adapter.type  lora               adapter.lora.alpha    16.0
//   blk.0.attn_q.weight.lora_a       (r, in)       blk.0.attn_q.weight.lora_b       (out, r)
//   blk.0.ffn_up_exps.weight.lora_a  (experts, r, in)     … .lora_b    (experts, out, r)
//   token_embd.weight.lora_a         (tokens, r)   token_embd.weight.lora_b         (dim, r)
//   blk.0.attn_norm.weight           (dim), whole, as mergekit-extract-lora adds them
//
// Names, rows and norms are those of the .gguf base. Scale is alpha / r, r the last dimension of
// lora_b; 1 without an alpha, or for 0. Source: llama.cpp `convert_lora_to_gguf.py`,
// `tools/export-lora/export-lora.cpp`, `src/llama-adapter.cpp`.
import GGUF
import Safetensors
import Storage

/// Reads one file of llama.cpp's.
struct GGUFReader {
  private let folder: AdapterFolder
  private let file: GGUFFile

  init(_ folder: AdapterFolder) throws(AdapterError) {
    self.folder = folder
    file = folder.gguf!
    try check("general.type", "adapter")
    try check("adapter.type", "lora")
    if let tokens = file["adapter.alora.invocation_tokens"] {
      throw .switchedOn(
        path: folder.path, key: "adapter.alora.invocation_tokens", value: tokens.description,
        reason: ConfigSwitches.activated)
    }
  }

  private func check(_ key: String, _ text: String) throws(AdapterError) {
    guard file[key]?.text == text else {
      throw .metadata(path: folder.path, key: key, expected: "\"\(text)\"", found: file[key])
    }
  }

  func adapter() throws(AdapterError) -> Adapter {
    let alpha = try self.alpha()
    var factors: [String: (a: AdapterTensor?, b: AdapterTensor?)] = [:]
    var wholes: [WholeTensor] = []
    for tensor in folder.tensors {
      try tensor.check(path: folder.path)
      if let name = Self.cut(".weight.lora_a", from: tensor.name) {
        factors[name, default: (nil, nil)].a = tensor
      } else if let name = Self.cut(".weight.lora_b", from: tensor.name) {
        factors[name, default: (nil, nil)].b = tensor
      } else {
        wholes.append(try norm(tensor))
      }
    }
    var modules: [AdapterModule] = []
    for path in factors.keys.sorted() {
      let pair = factors[path]!
      guard let a = pair.a else { throw lacking(path, "lora_b", "lora_a") }
      guard let b = pair.b else { throw lacking(path, "lora_a", "lora_b") }
      modules += try self.modules(path, a, b, alpha)
    }
    return Adapter(
      folder: folder,
      config: AdapterConfig(
        format: .gguf, path: folder.path, architecture: file["general.architecture"]?.text),
      modules: modules, families: [], wholeTensors: wholes, tokenRows: [], setAside: [])
  }

  /// nil for none, and for the 0 that stands for none.
  private func alpha() throws(AdapterError) -> Double? {
    let key = "adapter.lora.alpha"
    guard let value = file[key] else { return nil }
    guard case .float(let number) = value, number.isFinite else {
      throw .metadata(path: folder.path, key: key, expected: "a finite float32", found: value)
    }
    return number == 0 ? nil : number
  }

  // MARK: Tensors

  private static func cut(_ ending: String, from name: String) -> String? {
    name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : nil
  }

  private func lacking(_ module: String, _ has: String, _ lacks: String) -> AdapterError {
    .incomplete(path: folder.path, module: module, has: has, lacks: lacks)
  }

  /// A trained norm. llama.cpp itself passes over it.
  private func norm(_ tensor: AdapterTensor) throws(AdapterError) -> WholeTensor {
    let ending = ".weight"
    guard let module = Self.cut(ending, from: tensor.name), module.hasSuffix("_norm"),
      tensor.shape.count == 1
    else { throw .unknownTensor(path: folder.path, tensor: tensor.name) }
    return WholeTensor(
      module: module, parameter: "weight", tensor: tensor, isDeclared: false, isBaseLayer: false)
  }

  /// One module, or one for each of stacked experts.
  private func modules(
    _ path: String, _ a: AdapterTensor, _ b: AdapterTensor, _ alpha: Double?
  ) throws(AdapterError) -> [AdapterModule] {
    guard let rank = b.shape.last, b.shape.count == 2 || b.shape.count == 3 else {
      throw .shape(
        path: folder.path, tensor: b.name, expected: "[out, r] or [experts, out, r]",
        found: b.shape)
    }
    let isTable = path == "token_embd"
    let isStack = b.shape.count == 3
    let experts = isStack ? [b.shape[0]] : []
    let own = isTable ? [a.shape.first ?? 0, rank] : experts + [rank, a.shape.last ?? 0]
    guard a.shape == own, !(isTable && isStack) else {
      throw .shape(
        path: folder.path, tensor: a.name,
        expected: isTable ? "[tokens, \(rank)]" : "\(experts + [rank]) and the weight's columns",
        found: a.shape)
    }
    func module(_ a: AdapterTensor, _ b: AdapterTensor) -> AdapterModule {
      var module = AdapterModule(
        path: path, depth: 0, isEmbedding: isTable, a: a, b: b, scalePath: path)
      module.hasTransposedA = isTable
      module.scale = AdapterConfig.Scale(alpha: alpha, rank: rank)
      return module
    }
    guard isStack else { return [module(a, b)] }
    let (count, rows) = (b.shape[0], b.shape[1])
    return (0..<count).map { expert in
      var part = module(
        a.slice(expert, shape: [rank, own[2]]), b.slice(expert, shape: [rows, rank]))
      part.rows = expert * rows..<(expert + 1) * rows
      part.rowCount = count * rows
      return part
    }
  }
}

extension AdapterFolder {
  /// An adapter in llama.cpp's container, which has all of its config in it.
  static func readGGUF(
    _ path: String, _ folder: String, _ name: String
  ) throws(AdapterError) -> AdapterFolder {
    let file: GGUFFile
    do { file = try GGUFFile.read(folder + "/" + name) } catch { throw .gguf(error) }
    return AdapterFolder(
      path: path, configPath: path, hasConfig: false, configBytes: [],
      files: [try header(of: file)], fileNames: [name], gguf: file)
  }

  private static func header(of file: GGUFFile) throws(AdapterError) -> ShardHeader {
    let tensors = try file.tensors.map { tensor throws(AdapterError) in
      guard let dtype = DType(rawValue: tensor.type.name) else {
        throw .quantised(path: file.path, tensor: tensor.name, found: tensor.type)
      }
      let range = tensor.byteRange
      return TensorEntry(
        name: tensor.name, dtype: dtype, shape: tensor.shape,
        byteRange: file.dataOffset + range.lowerBound..<file.dataOffset + range.upperBound)
    }
    return ShardHeader(
      path: file.path, fileByteCount: file.fileByteCount, modified: file.modified,
      headerByteCount: 0, digest: file.digest, tensors: tensors, metadata: [:])
  }
}
