// `shardweld-bench kernels`: the inner loops of a merge on one core, by instruction set, beside
// what the core can do at most: multiply-adds in registers alone, and a copy in the second cache.
import CPeak
import Glibc
import Kernels
import Storage

struct KernelTiming {
  static let subcommand = Subcommand(name: "kernels", usage: "kernels", run: run)

  private static let ranks = [1, 8, 16, 32, 64, 128, 256]
  /// A block as a merge works on it: its numbers stay in the second cache.
  private static let rows = 96
  private static let columns = 512
  private static let count = rows * columns

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    _ = try words.take(0)
    try words.end()
    let block = KernelBlock(rows: rows, columns: columns, rank: ranks.max()!)
    print("one core, a block of \(rows) × \(columns) numbers in cache, best of \(samples)")
    for set in InstructionSet.supported {
      let kernels = KernelTable(set)
      print("\n\(set.name)")
      printProducts(kernels, block)
      printElements(kernels, block)
    }
    return 0
  }

  /// GFLOP/s of products by rank, each as a share of the peak.
  private static func printProducts(_ kernels: KernelTable, _ block: KernelBlock) {
    let peak = peakRate(kernels.set)
    if let peak { print("  fused multiply-adds at most \(RaceTable.decimal(peak, 1)) GFLOP/s") }
    for rank in ranks {
      let product = unsafe block.product(rank: rank)
      let rate = rate(of: 2 * count * rank) { unsafe kernels.addProduct(product, scale: 0.5) }
      let share = peak.map { ", \(RaceTable.decimal(rate / $0 * 100, 1)) %" } ?? ""
      print("  product of rank \(rank): \(RaceTable.decimal(rate, 1)) GFLOP/s\(share)")
    }
  }

  /// GB/s of file elements: read where they are widened, written where they are narrowed, both
  /// where they are merged from base to output.
  private static func printElements(_ kernels: KernelTable, _ block: KernelBlock) {
    let (from, to) = unsafe (block.base.bytes.baseAddress!, block.written.bytes.baseAddress!)
    let value = unsafe block.value.bytes.baseAddress!
    let copy = rate(of: 2 * count * 2) {
      unsafe to.copyMemory(from: from, byteCount: count * 2)
    }
    print("  a copy reads and writes \(RaceTable.decimal(copy, 1)) GB/s")
    for element in ElementType.allCases where element != .f64 {
      let byteCount = count * element.byteCount
      unsafe kernels.narrow(.single, value, to: from, element, count: count)
      let widened = rate(of: byteCount) {
        unsafe kernels.widen(element, from, to: value, .single, count: count)
      }
      let narrowed = rate(of: byteCount) {
        unsafe kernels.narrow(.single, value, to: to, element, count: count)
      }
      let measured = rate(of: 2 * byteCount) { block.measure(kernels, element) }
      let product = unsafe block.product(rank: 16, from: element)
      let merged = rate(of: 2 * byteCount) {
        unsafe kernels.addProduct(product, scale: 0.5)
        block.measure(kernels, element)
      }
      print(
        "  \(element): widens \(RaceTable.decimal(widened, 1)), narrows "
          + "\(RaceTable.decimal(narrowed, 1)), rounds and measures "
          + "\(RaceTable.decimal(measured, 1)), merges at rank 16 "
          + "\(RaceTable.decimal(merged, 1)) GB/s")
    }
  }

  /// GFLOP/s of multiply-adds that touch no memory; nil for a set without such instructions.
  private static func peakRate(_ set: InstructionSet) -> Double? {
    let each = unsafe cp_multiplications(set.name)
    guard each > 0 else { return nil }
    let rounds = 100_000
    return rate(of: 2 * each * rounds) {
      let total = unsafe cp_multiply(set.name, rounds)
      invariant(total.isFinite, "the sums stay below one")
    }
  }

  private static let samples = 40
  private static let sampleSeconds = 0.005

  /// Billions a second of what one call of `work` does so many of: the best of many short samples,
  /// as what others do on the machine makes it slower and never faster.
  private static func rate(of amount: Int, _ work: () -> Void) -> Double {
    work()
    let clock = ContinuousClock()
    var calls = 1
    let rates = (0...samples).map { _ in
      let start = clock.now
      for _ in 0..<calls { work() }
      let seconds = (clock.now - start) / .seconds(1)
      defer { calls = max(1, Int(Double(calls) * sampleSeconds / max(seconds, 1e-9))) }
      return Double(amount) * Double(calls) / seconds / 1e9
    }
    // The first one only found out how many calls make a sample.
    return rates.dropFirst().max() ?? 0
  }
}
