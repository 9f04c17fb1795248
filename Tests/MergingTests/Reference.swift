// The rules of a recipe once more, element by element on plain arrays: what the merge is compared
// with, bit for bit.
import Planning
import Safetensors

/// The numbers of Float and Double that the rules need.
protocol WorkingNumber: BinaryFloatingPoint {
  init(_ x: Double)
  var double: Double { get }
}
extension Float: WorkingNumber { var double: Double { Double(self) } }
extension Double: WorkingNumber { var double: Double { self } }

enum Reference {
  /// The bytes a recipe gives; `files` are its inputs.
  static func bytes(
    _ recipe: TensorRecipe, _ files: [[UInt8]], _ accumulation: MergeOptions.Accumulation = .f32
  ) -> [UInt8] {
    if recipe.isCopy {
      let start = Int(recipe.source.offset)
      return Array(files[recipe.source.file][start..<(start + Int(recipe.source.byteCount))])
    }
    let isSticky = accumulation == .f64 && recipe.dtype != .f64
    return recipe.source.dtype == .f64 || accumulation == .f64
      ? bytes(recipe, files, Double.self, isSticky) : bytes(recipe, files, Float.self, false)
  }

  private static func bytes<T: WorkingNumber>(
    _ recipe: TensorRecipe, _ files: [[UInt8]], _: T.Type, _ isSticky: Bool
  ) -> [UInt8] {
    func add(_ scale: Double, _ v: T, to w: inout T) {
      w = isSticky ? T(odd(w.double, scale, v.double)) : w + stored(T(scale) * v)
    }
    var w: [T] = numbers(recipe.source, files)
    for update in recipe.updates {
      switch update.rule {
      case .weight: fatalError("rules of other families are compared with their own libraries")
      case .lowRank(let product):
        eachElement(update.window, recipe.columns) { i, j, n in
          add(product.scale, sum(product, i, j, files), to: &w[n])
        }
      case .dora(let product, let magnitude, let axis, let strength):
        dora(&w, recipe, update.window, product, numbers(magnitude, files), axis, strength, files)
      case .add(let tensor, let scale):
        let v: [T] = numbers(tensor, files)
        eachElement(update.window, recipe.columns) { i, j, n in
          add(scale, v[i * update.window.columns.count + j], to: &w[n])
        }
      case .replace(let tensor, let strength):
        let v: [T] = numbers(tensor, files)
        eachElement(update.window, recipe.columns) { i, j, n in
          w[n] = moved(w[n], v[i * update.window.columns.count + j], strength)
        }
      case .replaceRows(let rows, let tensor, let strength):
        let v: [T] = numbers(tensor, files)
        let columns = update.window.columns
        for (k, row) in rows.enumerated() {
          for j in columns {
            let n = row * recipe.columns + j
            w[n] = moved(w[n], v[k * columns.count + j - columns.lowerBound], strength)
          }
        }
      }
    }
    return w.flatMap { Elements.bytes($0.double, recipe.dtype) }
  }

  private static func dora<T: WorkingNumber>(
    _ w: inout [T], _ recipe: TensorRecipe, _ window: Window, _ product: LowRank, _ m: [T],
    _ axis: Rule.Axis, _ strength: Double, _ files: [[UInt8]]
  ) {
    let rows = window.rows.count
    let columns = window.columns.count
    var v = [T](repeating: 0, count: rows * columns)
    eachElement(window, recipe.columns) { i, j, n in
      v[i * columns + j] = w[n] + stored(T(product.scale) * sum(product, i, j, files))
    }
    var squares = [Double](repeating: 0, count: axis == .row ? rows : columns)
    if axis == .row {
      for i in 0..<rows {
        var lanes = [Double](repeating: 0, count: 16)
        for j in 0..<columns {
          lanes[j % 16] += stored(v[i * columns + j].double * v[i * columns + j].double)
        }
        for half in [8, 4, 2, 1] { for l in 0..<half { lanes[l] += lanes[l + half] } }
        squares[i] = lanes[0]
      }
    } else {
      for i in 0..<rows {
        for j in 0..<columns {
          squares[j] += stored(v[i * columns + j].double * v[i * columns + j].double)
        }
      }
    }
    eachElement(window, recipe.columns) { i, j, n in
      let index = axis == .row ? i : j
      guard squares[index] != 0 else { return }
      let own = axis == .row ? stored(index, product.left) : index
      let factor = m[own] / T(squares[index].squareRoot())
      w[n] = moved(w[n], factor * v[i * columns + j], strength)
    }
  }

  private static func moved<T: WorkingNumber>(_ w: T, _ v: T, _ strength: Double) -> T {
    strength == 1 ? v : w + stored(T(strength) * stored(v - w))
  }

  private static func sum<T: WorkingNumber>(
    _ product: LowRank, _ i: Int, _ j: Int, _ files: [[UInt8]]
  ) -> T {
    var sum: T = 0
    for k in 0..<product.rank {
      sum = sum.addingProduct(
        element(product.left, i, k, files), element(product.right, k, j, files))
    }
    return sum
  }

  private static func element<T: WorkingNumber>(
    _ factor: Factor, _ row: Int, _ column: Int, _ files: [[UInt8]]
  ) -> T {
    let index = stored(row, factor) * factor.rowStride + column * factor.columnStride
    return T(
      Elements.number(
        files[factor.file], Int(factor.offset) + index * factor.dtype.byteCount, factor.dtype))
  }

  /// Where a row of a head of alternating halves lies: the first half holds the even ones.
  private static func stored(_ row: Int, _ factor: Factor) -> Int {
    guard factor.headRows > 0 else { return row }
    let inHead = row % factor.headRows
    return row - inHead + inHead % 2 * (factor.headRows / 2) + inHead / 2
  }

  private static func numbers<T: WorkingNumber>(_ tensor: TensorBytes, _ files: [[UInt8]]) -> [T] {
    (0..<tensor.elementCount).map {
      T(
        Elements.number(
          files[tensor.file], Int(tensor.offset) + $0 * tensor.dtype.byteCount, tensor.dtype))
    }
  }

  private static func eachElement(
    _ window: Window, _ columns: Int, _ body: (_ i: Int, _ j: Int, _ n: Int) -> Void
  ) {
    for i in 0..<window.rows.count {
      for j in 0..<window.columns.count {
        body(i, j, (i + window.rows.lowerBound) * columns + j + window.columns.lowerBound)
      }
    }
  }

  /// w + scale · v, or the one of its two neighbours that ends in 1.
  private static func odd(_ w: Double, _ scale: Double, _ v: Double) -> Double {
    let product = scale * v
    var parts = [w, product, (-product).addingProduct(scale, v)]
    // Twice is enough for three parts not to overlap; the last one is then the largest.
    for _ in 0..<2 {
      for (low, high) in [(2, 1), (1, 0)] {
        let sum = parts[high] + parts[low]
        let part = sum - parts[high]
        parts[low] = (parts[high] - (sum - part)) + (parts[low] - part)
        parts[high] = sum
      }
    }
    let rest = parts[1] != 0 ? parts[1] : parts[2]
    if rest == 0 || parts[0].bitPattern & 1 == 1 { return parts[0] }
    return rest > 0 ? parts[0].nextUp : parts[0].nextDown
  }

  /// Keeps a product from being fused into a following sum.
  @inline(never) private static func stored<T>(_ x: T) -> T { x }
}

/// Elements of files, one at a time.
enum Elements {
  static func number(_ bytes: [UInt8], _ offset: Int, _ dtype: DType) -> Double {
    var bits: UInt64 = 0
    for i in 0..<dtype.byteCount { bits |= UInt64(bytes[offset + i]) << (8 * UInt64(i)) }
    return switch dtype {
    case .bf16: Double(Float(bitPattern: UInt32(bits) << 16))
    case .f16: Double(Float16(bitPattern: UInt16(bits)))
    case .f32: Double(Float(bitPattern: UInt32(bits)))
    default: Double(bitPattern: bits)
    }
  }

  static func bytes(_ x: Double, _ dtype: DType) -> [UInt8] {
    let bits: UInt64 =
      switch dtype {
      case .bf16: UInt64(bf16(x))
      case .f16: x.isNaN ? 0x7E00 : UInt64(Float16(x).bitPattern)
      case .f32: x.isNaN ? 0x7FC0_0000 : UInt64(Float(x).bitPattern)
      default: x.isNaN ? 0x7FF8_0000_0000_0000 : x.bitPattern
      }
    return (0..<dtype.byteCount).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
  }

  /// Nearest even among the two neighbours of a number.
  private static func bf16(_ x: Double) -> UInt16 {
    if x.isNaN { return 0x7FC0 }
    // Towards zero, so that a first rounding to Float cannot carry.
    var low = Float(x)
    if low.magnitude > Float.greatestFiniteMagnitude || Double(low).magnitude > x.magnitude {
      low = low.sign == .plus ? low.nextDown : low.nextUp
    }
    let pattern = UInt16(low.bitPattern >> 16)
    let below = Double(Float(bitPattern: UInt32(pattern) << 16))
    let step = Double(Float(bitPattern: UInt32(pattern & 0x7F80 == 0 ? 1 : 0) << 16))
    let gap =
      step > 0
      ? 0x1p-133 : Double(sign: .plus, exponent: below.exponent - 7, significand: 1)
    let over = x.magnitude - below.magnitude
    let goesUp = over > gap / 2 || (over == gap / 2 && pattern & 1 == 1)
    return goesUp ? pattern + 1 : pattern
  }
}
