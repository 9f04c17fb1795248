// OFT: blocks of inputs are rotated.
import Safetensors

extension Family {
  /// `oft_R.weight (blocks, b(b−1)/2)`: the strict upper triangle of a skew matrix S, row by row. R
  /// is (I−S)(I+S)⁻¹, or the Neumann series of its inverse; every block of b inputs is multiplied
  /// by Rᵀ (an embedding's by R). One block for all where `block_share`.
  /// Source: PEFT `tuners/oft/layer.py` (0.16 and later).
  static let oft = Family(
    kind: "OFT", leaves: ["oft_R.weight", "oft_embedding_R.weight"],
    keys: [
      "r", "oft_block_size", "block_share", "coft", "eps", "init_weights", "module_dropout",
      "num_cayley_neumann_terms", "use_cayley_neumann", "rank_pattern", "alpha_pattern",
    ],
    updates: { module throws(AdapterError) in
      let isEmbedding = module.tensors["oft_embedding_R.weight"] != nil
      let triangle = try module.tensor(
        isEmbedding ? "oft_embedding_R.weight" : "oft_R.weight", dimensions: 2)
      let count = triangle.shape[1]
      let size = (1 + Int(Double(1 + 8 * count).squareRoot().rounded())) / 2
      guard size * (size - 1) / 2 == count else {
        throw module.wrong(triangle, "[blocks, b(b−1)/2]")
      }
      let isShared = try module.flag("block_share")
      let blocks = triangle.shape[0]
      let isNeumann = try module.flag("use_cayley_neumann", true)
      let terms = isNeumann ? try module.int("num_cayley_neumann_terms", 5) : 0
      guard terms >= 0, !isNeumann || terms > 0 else {
        throw .badMember(
          path: module.config.path, key: "num_cayley_neumann_terms", expected: "1 or more")
      }
      var numbers: [String: Double] = [
        "size": Double(size), "terms": Double(terms), "transposes": isEmbedding ? 0 : 1,
      ]
      // The last term counted twice before 0.18, which is also when files began to say their
      // version.
      if module.config.isBefore(0, 18) { numbers["doublesLast"] = 1 }
      if try module.flag("coft") { numbers["eps"] = try module.number("eps", 6e-5) }
      var update = WeightUpdate(
        "rotation", [("triangle", triangle)], numbers: numbers,
        origin: "oft, blocks of \(size)" + (terms > 0 ? ", \(terms) terms" : ""),
        expected: "… × \(blocks * size)" + (isShared ? " or a multiple" : "")
      ) { shape in
        shape.columns == blocks * size || (isShared && blocks == 1 && shape.columns % size == 0)
      }
      update.isStored = isEmbedding
      return [update]
    })
}

extension AdapterConfig {
  /// True where the file names an older version of PEFT, or, as all did before 0.18, none.
  func isBefore(_ major: Int, _ minor: Int) -> Bool {
    guard let peftVersion else { return true }
    let numbers = peftVersion.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
    return numbers.lexicographicallyPrecedes([major, minor])
  }
}
