// QA-LoRA: a pair that sees its input in means of groups, as large as the groups for which a
// quantised base keeps scales. PEFT does not merge it, for it has it on quantised layers alone;
// what it adds is linear in the input all the same.
import Safetensors

extension Family {
  /// `lora_A (r, in/g)`, `lora_B (out, r)`, g = `qalora_group_size`. A mean is a sum / g and is
  /// taken in/g times, so Δ[o, j] = s·(in/g)/g·(B·A)[o, ⌊j/g⌋]; PEFT computes in Float32.
  /// Source: PEFT `tuners/lora/variants.py`, QALoraLinearVariant.forward.
  static let qalora = Family(
    kind: "LORA", switchedBy: "use_qalora", leaves: ["lora_A.weight", "lora_B.weight"],
    keys: plainKeys.union(["use_qalora", "qalora_group_size"]), alphaKey: "lora_alpha",
    updates: { module throws(AdapterError) in
      var (update, rank) = try module.pair()
      let size = try module.int("qalora_group_size", 16)
      guard size > 0 else {
        throw module.members.wrong("qalora_group_size", "a whole number above 0")
      }
      let (rows, groups) = (update.operands[0].tensor.shape[0], update.operands[1].tensor.shape[1])
      update.rule = "pooledProduct"
      update.numbers = [
        "scale": module.scale.value * Double(groups) / Double(size), "size": Double(size),
      ]
      update.origin = "qalora rank \(rank), groups of \(size), " + module.scale.origin
      update.expected = "\(rows) × \(groups * size)"
      update.fits = { $0.rows == rows && $0.columns == groups * size }
      return [update]
    })
}
