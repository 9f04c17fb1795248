// VB-LoRA: pairs put together from a bank of vectors that all layers share.
import Safetensors

extension Family {
  /// `vblora_logits_A (r, in/v, N)`, `vblora_logits_B (out/v, r, N)`, for all `vblora_vector_bank
  /// (N,v)`; or, saved short, `…_topk_indices` and `…_topk_weights`: each run of v numbers is the
  /// mean of the bank's vectors with the k largest logits, weighed by their softmax. Δ = B·A.
  /// Source: PEFT `tuners/vblora/layer.py`, `utils/save_and_load.py`.
  static let vblora = Family(
    kind: "VBLORA",
    leaves: [
      "vblora_logits_A", "vblora_logits_B", "vblora_logits_A_topk_indices",
      "vblora_logits_A_topk_weights", "vblora_logits_B_topk_indices",
      "vblora_logits_B_topk_weights",
    ],
    shared: ["vblora_vector_bank", "vblora_vector_bank.default"],
    keys: [
      "r", "num_vectors", "vector_length", "topk", "save_only_topk_weights", "vblora_dropout",
      "init_vector_bank_bound", "init_logits_std",
    ],
    updates: { module throws(AdapterError) in
      let bank = try module.tensor("vblora_vector_bank", dimensions: 2)
      let length = bank.shape[1]
      let topk = try module.int("topk", 2)
      var operands: [(role: String, tensor: AdapterTensor)] = [("bank", bank)]
      /// The first two dimensions of one side's logits.
      func side(_ name: String) throws(AdapterError) -> (Int, Int) {
        let leaf = "vblora_logits_" + name
        if module.tensors[leaf] != nil {
          let logits = try module.tensor(leaf, dimensions: 3)
          guard logits.shape[2] == bank.shape[0], (1...bank.shape[0]).contains(topk) else {
            throw module.wrong(logits, "[…, …, \(bank.shape[0])]")
          }
          operands.append(("logits" + name, logits))
          return (logits.shape[0], logits.shape[1])
        }
        let indices = try module.tensor(leaf + "_topk_indices", dimensions: 3)
        let weights = try module.tensor(leaf + "_topk_weights", dimensions: 3)
        try module.check(
          weights, [indices.shape[0], indices.shape[1], indices.shape[2] - 1])
        operands += [("indices" + name, indices), ("weights" + name, weights)]
        return (indices.shape[0], indices.shape[1])
      }
      let (rank, across) = try side("A")
      let (down, other) = try side("B")
      guard rank == other else {
        throw module.wrong(operands[1].tensor, "the same rank in A and B")
      }
      let (rows, columns) = (down * length, across * length)
      return [
        WeightUpdate(
          "vectorBank", operands, numbers: ["topk": Double(topk)],
          origin: "vblora rank \(rank), \(topk) of \(bank.shape[0]) vectors",
          expected: "\(rows) × \(columns)"
        ) { $0.rows == rows && $0.columns == columns }
      ]
    })
}
