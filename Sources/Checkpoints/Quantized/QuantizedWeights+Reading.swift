// From headers and configs to the weights of a quantised base. Companions may lie in other shards
// than their weight, so all headers are known before the first weight is looked at.
import OrderedJSON
import Safetensors

extension QuantizedWeights {
  /// Looks at every tensor; the first that cannot be understood becomes the refusal.
  init(_ base: StoredTensors) {
    self.init()
    // Most bases are plain: no tensor of theirs could be a code.
    guard base.config.method != nil || base.tensors.contains(where: { $0.dtype.isCode }) else {
      return
    }
    do throws(QuantizedFault) {
      if let method = base.config.method { try NotRead.check(method, base.config) }
      for tensor in base.tensors where owner(of: tensor.name) == nil {
        let stored = StoredTensor(tensor: tensor, base: base)
        for format in QuantizedFormat.all {
          guard let weight = try format.read(stored) else { continue }
          append(weight)
          break
        }
      }
      guard let method = base.config.method else { return }
      if isEmpty { throw .noneIsQuantized(method: method) }
      for tensor in base.tensors where owner(of: tensor.name) == nil {
        if Self.isSpare(tensor.name) { spare.insert(tensor.name) }
        if tensor.dtype.isFloat8, tensor.shape.count >= 2, tensor.name.hasSuffix(".weight") {
          throw .lacks(tensor: tensor.name, form: "FP8", companion: tensor.name + "_scale_inv")
        }
        if Self.isSuspicious(tensor) {
          throw .unknown(
            tensor: tensor.name, dtype: tensor.dtype, shape: tensor.shape, method: method)
        }
      }
    } catch {
      refusal = error
    }
  }

  /// True for scales of activations and of the cache, which only quantised inference reads.
  private static func isSpare(_ name: String) -> Bool {
    let leaf = name.split(separator: ".").last ?? ""
    return [
      "k_scale", "v_scale", "q_scale", "kv_scale", "k_zero_point", "v_zero_point", "q_zero_point",
      "input_scale", "input_zero_point", "output_scale", "output_zero_point", "activation_scale",
      "input_activation_scale", "input_global_scale",
    ].contains(leaf)
  }

  /// True for what is no plain weight and no buffer that plain models have.
  private static func isSuspicious(_ tensor: BaseTensor) -> Bool {
    let leaf = tensor.name.split(separator: ".").last ?? ""
    return tensor.dtype.isCode && tensor.shape.count >= 2
      && !["position_ids", "token_type_ids", "tid2eid", "bias", "masked_bias"].contains(leaf)
  }
}

extension DType {
  /// True for types that quantised weights are stored in.
  var isCode: Bool {
    switch self {
    case .i8, .u8, .i16, .u16, .i32, .u32, .f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ, .f8E8M0,
      .f4, .f6E2M3, .f6E3M2:
      true
    case .bool, .f16, .bf16, .f32, .c64, .f64, .i64, .u64: false
    }
  }
}

/// Methods that are known by name and have no exact plain form here.
enum NotRead {
  static func check(_ method: String, _ config: QuantizationConfig) throws(QuantizedFault) {
    if methods.contains(method) {
      throw .notRead(
        tensor: nil, method: method, advice: "use the base that it was quantised from")
    }
    let layout = config.text("checkpoint_format", "format", "version")?.lowercased()
    if let layout, layouts.contains(layout) || config.flag("is_marlin_format") == true {
      throw .notRead(
        tensor: nil, method: "\(method) \(layout)",
        advice: "use the base that it was quantised from")
    }
    if config.flag("is_marlin_format") == true {
      throw .notRead(
        tensor: nil, method: "\(method) marlin", advice: "use the base that it was quantised from")
    }
    if config.section["transform_config"]?.isOn == true {
      throw .notRead(
        tensor: nil, method: "\(method) with a transform_config (rotated weights)",
        advice: "use the base that it was quantised from")
    }
  }

  private static let methods: Set = [
    "aqlm", "vptq", "spqr", "quip", "quip_sharp", "higgs", "eetq", "exl2", "exl3", "qqq",
    "bitblas", "fp_quant", "sinq", "fouroversix", "bitnet", "quark", "gemma", "quanto",
  ]

  private static let layouts: Set = [
    "marlin", "marlin-24", "sparse-24-bitmask", "sparse-bitmask", "bitblas", "qqq", "exl2", "exl3",
    "gptq_p", "mxfp6-pack-quantized",
  ]
}
