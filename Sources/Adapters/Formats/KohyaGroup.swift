// One module of a file of kohya's kind: the plain pair, or what LyCORIS makes of it.
//
//   ….lora_down.weight (r, in[, kernel]), ….lora_up.weight (out, r[, 1…]), ….alpha ()
//
// Source: sd-scripts `networks/lora.py`, LyCORIS `modules/locon.py`.
import Safetensors

/// The tensors of one module, until each has found its use.
struct KohyaGroup {
  /// Leaves that are single numbers, read with the file's header.
  static let scalars: Set = ["alpha", "on_input"]

  let folder: AdapterFolder
  let config: AdapterConfig
  let path: String
  let component: String?
  /// sd-scripts bounds rotations in its own way.
  let clampsRotations: Bool
  var tensors: [String: AdapterTensor]
  /// A plain pair was taken.
  private(set) var hasPair = false
  private var alphaTensor: AdapterTensor?

  init(
    folder: AdapterFolder, config: AdapterConfig, path: String, component: String?,
    clampsRotations: Bool, tensors: [String: AdapterTensor]
  ) {
    (self.folder, self.config, self.path) = (folder, config, path)
    (self.component, self.clampsRotations, self.tensors) = (component, clampsRotations, tensors)
    alphaTensor = self.tensors.removeValue(forKey: "alpha")
  }

  /// The low-rank pair, where there is nothing but one.
  mutating func takePair() throws(AdapterError) -> AdapterModule? {
    guard tensors["lora_mid.weight"] == nil, tensors["dora_scale"] == nil,
      let (down, up) = try takeFactors()
    else { return nil }
    var module = AdapterModule(
      path: path, depth: 0, isEmbedding: false, a: down, b: up, scalePath: path)
    module.scale = AdapterConfig.Scale(alpha: try alpha(), rank: down.shape[0])
    module.alpha = takeAlpha()
    module.component = component
    hasPair = true
    return module
  }

  /// Both factors of a pair; nil where there is neither.
  mutating func takeFactors() throws(AdapterError) -> (down: AdapterTensor, up: AdapterTensor)? {
    let (down, up) = ("lora_down.weight", "lora_up.weight")
    guard tensors[down] != nil || tensors[up] != nil else { return nil }
    return (try take(down, beside: up), try take(up, beside: down))
  }

  /// A factor that must be there: a matrix or a kernel.
  mutating func take(_ leaf: String, beside other: String) throws(AdapterError) -> AdapterTensor {
    guard let tensor = tensors.removeValue(forKey: leaf) else {
      throw .incomplete(path: folder.path, module: path, has: other, lacks: leaf)
    }
    guard tensor.shape.count >= 2 else {
      throw wrong(tensor, "a matrix (or a convolution's kernel)")
    }
    return tensor
  }

  /// Refuses what nothing has taken.
  func checkEmpty() throws(AdapterError) {
    let left = Array(tensors.values) + (alphaTensor.map { [$0] } ?? [])
    if let name = left.map(\.name).min() {
      throw .unknownTensor(path: folder.path, tensor: name)
    }
  }

  func wrong(_ tensor: AdapterTensor, _ expected: String) -> AdapterError {
    .shape(path: folder.path, tensor: tensor.name, expected: expected, found: tensor.shape)
  }

  func alpha() throws(AdapterError) -> Double? {
    guard let alphaTensor else { return nil }
    return try folder.alpha(alphaTensor)
  }

  /// What rotations call alpha: a bound, 0 for none.
  func limit() throws(AdapterError) -> Double? {
    guard let alphaTensor else { return nil }
    return try folder.scalar(alphaTensor)
  }

  mutating func takeAlpha() -> AdapterTensor? {
    defer { alphaTensor = nil }
    return alphaTensor
  }
}
