// Recipes, updates and rules as the JSON described in PlanCodec.swift.
import OrderedJSON
import Safetensors

extension PlanCodec {
  /// Writes a recipe; `files` maps a plan's input to its place in the line.
  static func write(
    _ recipe: TensorRecipe, files: [Int: Int], to writer: inout JSONWriter
  ) {
    writer.object { writer in
      writer.member("name", recipe.name)
      writer.member("dtype", recipe.dtype.rawValue)
      writer.key("shape")
      integers(recipe.shape, to: &writer)
      writer.member("columns", recipe.columns)
      writer.member("offset", recipe.offset)
      write("source", recipe.source, files, to: &writer)
      if let decoding = recipe.decoding { write(decoding, files, to: &writer) }
      if let encoding = recipe.encoding { write(encoding, to: &writer) }
      if !recipe.updates.isEmpty {
        writer.key("updates")
        writer.array { writer in
          for update in recipe.updates { write(update, files, to: &writer) }
        }
      }
    }
  }

  private static func write(
    _ decoding: Decoding, _ files: [Int: Int], to writer: inout JSONWriter
  ) {
    writer.key("decoding")
    writer.object { writer in
      writer.member("form", decoding.form)
      writer.member("title", decoding.title)
      writer.member("dtype", decoding.dtype.rawValue)
      write(decoding.operands, decoding.numbers, files, to: &writer)
      writer.member("transposed", .bool(decoding.isTransposed))
    }
  }

  private static func write(_ encoding: Encoding, to writer: inout JSONWriter) {
    writer.key("encoding")
    writer.object { writer in
      writer.member("form", encoding.form)
      writer.member("part", encoding.part.rawValue)
      writer.key("shape")
      integers(encoding.shape, to: &writer)
      writer.member("dtype", encoding.dtype.rawValue)
      writer.member("scaleDtype", encoding.scaleDType.rawValue)
      writer.key("numbers")
      writer.object { writer in
        for (key, value) in encoding.numbers { writer.member(key, number(value)) }
      }
    }
  }

  private static func write(
    _ update: Update, _ files: [Int: Int], to writer: inout JSONWriter
  ) {
    writer.object { writer in
      writer.key("rows")
      range(update.window.rows, to: &writer)
      writer.key("cols")
      range(update.window.columns, to: &writer)
      writer.member("adapter", update.adapter)
      writer.key("tensors")
      writer.array { writer in for name in update.tensorNames { writer.string(name) } }
      writer.member("origin", update.origin)
      switch update.rule {
      case .lowRank(let product):
        writer.member("rule", RuleName.lowRank.rawValue)
        write(product, files, to: &writer)
      case .dora(let product, let magnitude, let axis, let strength):
        writer.member("rule", RuleName.dora.rawValue)
        write(product, files, to: &writer)
        write("magnitude", magnitude, files, to: &writer)
        writer.member("axis", axis.rawValue)
        writer.member("strength", number(strength))
      case .add(let tensor, let scale):
        writer.member("rule", RuleName.add.rawValue)
        write("value", tensor, files, to: &writer)
        writer.member("scale", number(scale))
      case .replace(let tensor, let strength):
        writer.member("rule", RuleName.replace.rawValue)
        write("value", tensor, files, to: &writer)
        writer.member("strength", number(strength))
      case .replaceRows(let indices, let tensor, let strength):
        writer.member("rule", RuleName.replaceRows.rawValue)
        writer.key("indices")
        integers(indices, to: &writer)
        write("value", tensor, files, to: &writer)
        writer.member("strength", number(strength))
      case .weight(let rule): write(rule, files, to: &writer)
      }
    }
  }

  private static func write(
    _ rule: WeightRule, _ files: [Int: Int], to writer: inout JSONWriter
  ) {
    writer.member("rule", RuleName.weight.rawValue)
    writer.member("name", rule.name)
    write(rule.operands, rule.numbers, files, to: &writer)
    writer.member("transposed", .bool(rule.isTransposed))
    if let rows = rule.rowsTogether { writer.member("together", rows) }
    writer.member("strength", number(rule.strength))
  }

  private static func write(
    _ operands: [Operand], _ numbers: [(key: String, value: Double)], _ files: [Int: Int],
    to writer: inout JSONWriter
  ) {
    writer.key("operands")
    writer.object { writer in
      for operand in operands {
        write(operand.role, operand.tensor, files, to: &writer, shape: operand.shape)
      }
    }
    writer.key("numbers")
    writer.object { writer in
      for (key, value) in numbers { writer.member(key, number(value)) }
    }
  }

  private static func write(
    _ product: LowRank, _ files: [Int: Int], to writer: inout JSONWriter
  ) {
    write("left", product.left, files, to: &writer)
    write("right", product.right, files, to: &writer)
    writer.member("rank", product.rank)
    writer.member("scale", number(product.scale))
  }

  private static func write(
    _ key: String, _ tensor: TensorBytes, _ files: [Int: Int], to writer: inout JSONWriter,
    shape: [Int] = []
  ) {
    writer.key(key)
    writer.array { writer in
      writer.integer(files[tensor.file, default: tensor.file])
      writer.integer(tensor.offset)
      writer.string(tensor.dtype.rawValue)
      writer.integer(tensor.elementCount)
      for extent in shape { writer.integer(extent) }
    }
  }

  private static func write(
    _ key: String, _ factor: Factor, _ files: [Int: Int], to writer: inout JSONWriter
  ) {
    writer.key(key)
    writer.array { writer in
      writer.integer(files[factor.file, default: factor.file])
      writer.integer(factor.offset)
      writer.string(factor.dtype.rawValue)
      writer.integer(factor.rowStride)
      writer.integer(factor.columnStride)
      if factor.headRows > 0 { writer.integer(factor.headRows) }
    }
  }

  private static func range(_ range: Range<Int>, to writer: inout JSONWriter) {
    writer.array { writer in
      writer.integer(range.lowerBound)
      writer.integer(range.upperBound)
    }
  }

  private static func integers(_ values: [Int], to writer: inout JSONWriter) {
    writer.array { writer in for value in values { writer.integer(value) } }
  }

  /// How the text names the cases of `Rule`.
  enum RuleName: String { case lowRank, dora, add, replace, replaceRows, weight }
}

extension TensorRecipe {
  /// The inputs it reads, as `file` counts them: the source's, then each update's in order.
  var files: [Int] {
    [source.file] + (decoding?.operands.map(\.tensor.file) ?? [])
      + updates.flatMap(\.rule.files)
  }
}

extension Rule {
  /// The inputs it reads.
  var files: [Int] {
    switch self {
    case .lowRank(let product): [product.left.file, product.right.file]
    case .dora(let product, let magnitude, _, _):
      [product.left.file, product.right.file, magnitude.file]
    case .add(let tensor, _), .replace(let tensor, _), .replaceRows(_, let tensor, _):
      [tensor.file]
    case .weight(let rule): rule.operands.map(\.tensor.file)
    }
  }
}
