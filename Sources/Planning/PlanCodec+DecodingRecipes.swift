// Recipes, updates and rules from the JSON described in PlanCodec.swift.
import OrderedJSON
import Safetensors

extension PlanCodec {
  static func readRecipe(_ reader: inout JSONReader) throws(PlanError) -> TensorRecipe {
    var recipe = TensorRecipe(
      name: "", dtype: .u8, shape: [], columns: 0, offset: 0,
      source: TensorBytes(file: 0, offset: 0, dtype: .u8, elementCount: 0), updates: [])
    var missing = RequiredMembers(["name", "dtype", "shape", "columns", "offset", "source"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "name": recipe.name = try reader.text()
      case "dtype": recipe.dtype = try reader.choice(key)
      case "shape": recipe.shape = try readIndices(&reader, key)
      case "columns": recipe.columns = try reader.count(key)
      case "offset": recipe.offset = try reader.size(key)
      case "source": recipe.source = try readTensor(&reader, key)
      case "decoding": recipe.decoding = try readDecoding(&reader)
      case "encoding": recipe.encoding = try readEncoding(&reader)
      case "updates":
        recipe.updates = try reader.list { r throws(PlanError) in try readUpdate(&r) }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    let elementCount = try elementCount(of: recipe.shape, "shape")
    guard elementCount * recipe.dtype.bitCount % 8 == 0 else {
      throw .invalid(member: "shape", found: "\(recipe.shape)")
    }
    return recipe
  }

  private static func readDecoding(_ reader: inout JSONReader) throws(PlanError) -> Decoding {
    var decoding = Decoding(
      form: "", title: "", dtype: .bf16, operands: [], numbers: [], isTransposed: false)
    var missing = RequiredMembers(["form", "title", "dtype", "operands", "numbers", "transposed"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "form": decoding.form = try reader.text()
      case "title": decoding.title = try reader.text()
      case "dtype": decoding.dtype = try reader.choice(key)
      case "operands": decoding.operands = try readOperands(&reader)
      case "numbers":
        try reader.object { key, r throws(PlanError) in
          decoding.numbers.append((key, try r.double(key)))
        }
      case "transposed": decoding.isTransposed = try reader.flag(key)
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    return decoding
  }

  /// How many elements a shape has; refuses what no file could hold.
  static func elementCount(
    of shape: [Int], _ member: String
  ) throws(PlanError) -> Int {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= elementCountMax else {
        throw .invalid(member: member, found: "\(shape)")
      }
      count = product
    }
    return count
  }

  /// So many elements of 64 bits that their bits still count in 63.
  private static let elementCountMax = Int.max / 64

  /// Everything an update's object may carry; which of it must be there, its rule says.
  private struct UpdateMembers {
    var rows: Range<Int>?
    var columns: Range<Int>?
    var adapter: Int?
    var tensorNames: [String]?
    var origin: String?
    var rule: RuleName?
    var left: Factor?
    var right: Factor?
    var rank: Int?
    var scale: Double?
    var strength: Double?
    var magnitude: TensorBytes?
    var axis: Rule.Axis?
    var value: TensorBytes?
    var indices: [Int]?
    var name: String?
    var operands: [Operand]?
    var numbers: [(key: String, value: Double)]?
    var isTransposed: Bool?
    var rowsTogether: Int?
  }

  private static func readUpdate(_ reader: inout JSONReader) throws(PlanError) -> Update {
    var members = UpdateMembers()
    try reader.object { key, reader throws(PlanError) in
      switch key {
      case "rows": members.rows = try readRange(&reader, key)
      case "cols": members.columns = try readRange(&reader, key)
      case "adapter": members.adapter = try reader.count(key)
      case "tensors":
        members.tensorNames = try reader.list { r throws(PlanError) in try r.text() }
      case "origin": members.origin = try reader.text()
      case "rule": members.rule = try reader.choice(key)
      case "left": members.left = try readFactor(&reader, key)
      case "right": members.right = try readFactor(&reader, key)
      case "rank": members.rank = try reader.count(key)
      case "scale": members.scale = try reader.double(key)
      case "strength": members.strength = try reader.double(key)
      case "magnitude": members.magnitude = try readTensor(&reader, key)
      case "axis": members.axis = try reader.choice(key)
      case "value": members.value = try readTensor(&reader, key)
      case "name": members.name = try reader.text()
      case "operands": members.operands = try readOperands(&reader)
      case "numbers":
        var numbers: [(key: String, value: Double)] = []
        try reader.object { key, r throws(PlanError) in numbers.append((key, try r.double(key))) }
        members.numbers = numbers
      case "transposed": members.isTransposed = try reader.flag(key)
      case "together": members.rowsTogether = try reader.count(key)
      case "indices": members.indices = try readIndices(&reader, key)
      default: throw .unknown(member: key)
      }
    }
    return Update(
      window: Window(
        rows: try need(members.rows, "rows"), columns: try need(members.columns, "cols")),
      rule: try rule(of: members), adapter: try need(members.adapter, "adapter"),
      tensorNames: try need(members.tensorNames, "tensors"),
      origin: try need(members.origin, "origin"))
  }

  private static func rule(of members: UpdateMembers) throws(PlanError) -> Rule {
    switch try need(members.rule, "rule") {
    case .lowRank: .lowRank(try product(of: members))
    case .dora:
      .dora(
        try product(of: members), magnitude: try need(members.magnitude, "magnitude"),
        axis: try need(members.axis, "axis"), strength: try need(members.strength, "strength"))
    case .add:
      .add(try need(members.value, "value"), scale: try need(members.scale, "scale"))
    case .replace:
      .replace(
        try need(members.value, "value"), strength: try need(members.strength, "strength"))
    case .replaceRows:
      .replaceRows(
        try need(members.indices, "indices"), try need(members.value, "value"),
        strength: try need(members.strength, "strength"))
    case .weight:
      .weight(
        WeightRule(
          name: try need(members.name, "name"), operands: try need(members.operands, "operands"),
          numbers: try need(members.numbers, "numbers"),
          isTransposed: try need(members.isTransposed, "transposed"),
          rowsTogether: members.rowsTogether, strength: try need(members.strength, "strength")))
    }
  }

  /// `{role: [file, offset, dtype, elements, extents…], …}`.
  private static func readOperands(
    _ reader: inout JSONReader
  ) throws(PlanError) -> [Operand] {
    var operands: [Operand] = []
    try reader.object { role, reader throws(PlanError) in
      let (dtype, numbers) = try readPlace(&reader, role, count: 3, most: .max)
      let shape = Array(numbers.dropFirst(3))
      guard try elementCount(of: shape, role) == numbers[2] else {
        throw .invalid(member: role, found: "\(shape)")
      }
      operands.append(
        Operand(
          role: role,
          tensor: TensorBytes(
            file: numbers[0], offset: Int64(numbers[1]), dtype: dtype, elementCount: numbers[2]),
          shape: shape))
    }
    return operands
  }

  private static func product(of members: UpdateMembers) throws(PlanError) -> LowRank {
    LowRank(
      left: try need(members.left, "left"), right: try need(members.right, "right"),
      rank: try need(members.rank, "rank"), scale: try need(members.scale, "scale"))
  }

  private static func need<Value>(
    _ value: Value?, _ member: String
  ) throws(PlanError) -> Value {
    guard let value else { throw .missing(member: member) }
    return value
  }

  static func readIndices(
    _ reader: inout JSONReader, _ member: String
  ) throws(PlanError) -> [Int] {
    try reader.list { r throws(PlanError) in try r.count(member) }
  }

  private static func readRange(
    _ reader: inout JSONReader, _ member: String
  ) throws(PlanError) -> Range<Int> {
    let bounds = try readIndices(&reader, member)
    guard bounds.count == 2, bounds[0] <= bounds[1] else {
      throw .invalid(member: member, found: "\(bounds)")
    }
    return bounds[0]..<bounds[1]
  }

  /// `[file, offset, dtype, elements]`.
  private static func readTensor(
    _ reader: inout JSONReader, _ member: String
  ) throws(PlanError) -> TensorBytes {
    let (dtype, numbers) = try readPlace(&reader, member, count: 3)
    guard numbers[2] <= elementCountMax else {
      throw .invalid(member: member, found: "\(numbers[2]) elements")
    }
    return TensorBytes(
      file: numbers[0], offset: Int64(numbers[1]), dtype: dtype, elementCount: numbers[2])
  }

  /// `[file, offset, dtype, row stride, column stride]`, and perhaps the rows of a head.
  private static func readFactor(
    _ reader: inout JSONReader, _ member: String
  ) throws(PlanError) -> Factor {
    let (dtype, numbers) = try readPlace(&reader, member, count: 4, most: 5)
    return Factor(
      file: numbers[0], offset: Int64(numbers[1]), dtype: dtype, rowStride: numbers[2],
      columnStride: numbers[3], headRows: numbers.count > 4 ? numbers[4] : 0)
  }

  /// A list of `count` numbers, up to `most`, with a dtype in the third place.
  private static func readPlace(
    _ reader: inout JSONReader, _ member: String, count: Int, most: Int? = nil
  ) throws(PlanError) -> (DType, [Int]) {
    var dtype: DType?
    var numbers: [Int] = []
    var position = 0
    try reader.array { reader throws(PlanError) in
      if position == 2 {
        dtype = try reader.choice(member)
      } else {
        numbers.append(try reader.count(member))
      }
      position += 1
    }
    guard let dtype, (count...(most ?? count)).contains(numbers.count) else {
      throw .invalid(member: member, found: "a list of \(position) values")
    }
    return (dtype, numbers)
  }
}

extension TensorRecipe {
  /// Gives each input its number in another list: `places[file]`.
  mutating func renumber(_ places: [Int]) {
    source.file = places[source.file]
    for index in (decoding?.operands ?? []).indices {
      let file = decoding!.operands[index].tensor.file
      decoding!.operands[index].tensor.file = places[file]
    }
    for index in updates.indices { updates[index].rule.renumber(places) }
  }
}

extension Rule {
  fileprivate mutating func renumber(_ places: [Int]) {
    func moved(_ product: LowRank) -> LowRank {
      var product = product
      product.left.file = places[product.left.file]
      product.right.file = places[product.right.file]
      return product
    }
    func moved(_ tensor: TensorBytes) -> TensorBytes {
      var tensor = tensor
      tensor.file = places[tensor.file]
      return tensor
    }
    switch self {
    case .lowRank(let product): self = .lowRank(moved(product))
    case .dora(let product, let magnitude, let axis, let strength):
      self = .dora(
        moved(product), magnitude: moved(magnitude), axis: axis, strength: strength)
    case .add(let tensor, let scale): self = .add(moved(tensor), scale: scale)
    case .replace(let tensor, let strength): self = .replace(moved(tensor), strength: strength)
    case .replaceRows(let rows, let tensor, let strength):
      self = .replaceRows(rows, moved(tensor), strength: strength)
    case .weight(var rule):
      for at in rule.operands.indices {
        rule.operands[at].tensor = moved(rule.operands[at].tensor)
      }
      self = .weight(rule)
    }
  }
}
