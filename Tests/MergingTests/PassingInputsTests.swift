import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

private enum PageCache {
  /// True where this kernel tells what is cached, and the folder's file system lets go of it.
  static let canTell: Bool = {
    let scratch = Scratch()
    do {
      let file = try cold(scratch.write("probe", [UInt8](repeating: 1, count: 1 << 20)))
      return file.cachedByteCount(0..<1 << 20) == 0
    } catch { return false }
  }()

  /// A file of which nothing is cached.
  static func cold(_ path: String) throws -> File {
    let file = try File.openForUpdate(path)
    try file.flush()
    file.dropCache()
    return file
  }
}

/// What a merge does with the page cache, on the disk of the tests' folder.
@Suite(.enabled(if: PageCache.canTell, "the kernel cannot tell what is cached"))
struct PassingInputsTests {
  let scratch = Scratch()
  private let step = PassingInputs.stepByteCount

  /// Recipes that copy tensors lying one after the other in one file.
  private func inputs(_ byteCounts: [Int64]) throws -> ([TensorRecipe], InputFiles, String) {
    var offset: Int64 = 8
    let recipes = byteCounts.map { byteCount in
      defer { offset += byteCount }
      return TensorRecipe(
        name: "t\(offset)", dtype: .u8, shape: [Int(byteCount)], columns: Int(byteCount),
        offset: offset - 8,
        source: TensorBytes(
          file: 0, offset: offset, dtype: .u8, elementCount: Int(byteCount)), updates: [])
    }
    let path = try scratch.write("base", [UInt8](repeating: 7, count: Int(offset)))
    let status = try #require(try FileStatus.of(path))
    let input = InputFile(
      role: .base, path: path, name: "base", byteCount: status.byteCount,
      modified: status.modified, headerDigest: "")
    return (recipes, try InputFiles([input]), path)
  }

  /// Merges along: reads each megabyte, and tells of it.
  private func pass(
    _ recipes: [TensorRecipe], _ inputs: InputFiles, _ path: String, allowance: Int64
  ) throws {
    let file = try File.open(path)
    let passing = PassingInputs(recipes, inputs, CacheAllowance(byteCount: allowance))
    for (index, recipe) in recipes.enumerated() {
      let count = max(1, recipe.byteCount >> 20)
      for done in 1...count {
        let start = recipe.source.offset + recipe.byteCount * (done - 1) / count
        let end = recipe.source.offset + recipe.byteCount * done / count
        _ = try file.read(count: Int(end - start), at: start)
        passing.reached(recipe: index, Int(done), of: Int(count))
      }
    }
  }

  /// Runs of cached pages across the edges of what is let go.
  private let edges: Int64 = 4 << 20

  @Test func `what a merge brought goes again, beyond its allowance`() throws {
    let (recipes, inputs, path) = try inputs([3, 10 << 20, 30 << 20])
    let file = try PageCache.cold(path)
    try pass(recipes, inputs, path, allowance: 2 * step)
    #expect(file.cachedByteCount(8..<8 + 2 * step) ?? 0 >= 2 * step)
    let rest = 8 + 2 * step..<11 + 40 << 20
    #expect(file.cachedByteCount(rest) ?? .max <= edges)
  }

  @Test func `what was cached before stays`() throws {
    let (recipes, inputs, path) = try inputs([40 << 20])
    let file = try PageCache.cold(path)
    let mine: Range<Int64> = 8 + 20 << 20..<8 + 32 << 20
    _ = try file.read(count: mine.count, at: mine.lowerBound)
    try pass(recipes, inputs, path, allowance: 0)
    #expect(file.cachedByteCount(mine) ?? 0 >= Int64(mine.count) - step)
    #expect(file.cachedByteCount(8..<8 + 16 << 20) ?? .max <= edges)
  }

  @Test func `what is gathered through a view is left alone`() throws {
    let (recipes, inputs, path) = try inputs([20 << 20])
    var viewed = recipes[0]
    viewed.source.offset = inputs.byteCount(of: 0)
    let file = try PageCache.cold(path)
    let passing = PassingInputs([viewed], inputs, CacheAllowance(byteCount: 0))
    _ = try file.read(count: 20 << 20, at: 8)
    passing.reached(recipe: 0, 1, of: 1)
    #expect(file.cachedByteCount(8..<8 + 20 << 20) ?? 0 >= 20 << 20)
  }
}

@Suite struct CacheAllowanceTests {
  @Test func `it gives no more than there is`() {
    let allowance = CacheAllowance(byteCount: 10)
    #expect(allowance.take(6) && !allowance.take(5) && allowance.take(4) && !allowance.take(1))
  }

  @Test func `the host's is a part of its memory`() {
    let allowance = CacheAllowance.ofHost()
    #expect(allowance.take(1 << 20) && !allowance.take(1 << 50))
  }
}
