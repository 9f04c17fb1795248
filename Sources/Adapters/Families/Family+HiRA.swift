// HiRA: a low-rank product that multiplies the weight itself.
import Safetensors

extension Family {
  /// `hira_A (r,in)`, `hira_B (out,r)`: W' = W + W ∘ (B·A); an embedding's are `hira_embedding_A
  /// (r,tokens)`, `hira_embedding_B (dim,r)` and their product's transpose.
  /// Source: PEFT `tuners/hira/layer.py`.
  static let hira = Family(
    kind: "HIRA", leaves: ["hira_A", "hira_B", "hira_embedding_A", "hira_embedding_B"],
    keys: ["r", "rank_pattern", "hira_dropout", "init_weights"],
    updates: { module throws(AdapterError) in
      let isEmbedding = module.tensors["hira_embedding_A"] != nil
      let name = isEmbedding ? "hira_embedding_" : "hira_"
      let a = try module.tensor(name + "A")
      let b = try module.tensor(name + "B")
      guard a.shape.count >= 2, b.shape.count >= 2, b.shape[1] == a.shape[0],
        b.shape.dropFirst(2).allSatisfy({ $0 == 1 })
      else { throw module.wrong(b, "[out, \(a.shape.first ?? 0)]") }
      let kernel = Array(a.shape.dropFirst(2))
      let (out, into) = (b.shape[0], a.shape.dropFirst().reduce(1, *))
      let (rows, columns) = isEmbedding ? (into, out) : (out, into)
      var update = WeightUpdate(
        "modulation",
        isEmbedding ? [("embeddingA", a), ("embeddingB", b)] : [("right", a), ("left", b)],
        origin: "hira rank \(a.shape[0])", expected: "\(rows) × \(columns)"
      ) {
        $0.rows == rows && $0.columns == columns && (kernel.isEmpty || kernel == $0.kernel)
      }
      update.isStored = isEmbedding
      return [update]
    })
}
