// The sources of a job's tensors on their way through the page cache: what a merge brought into it
// goes again behind the merge, beyond an allowance, and what was there before stays. So a job far
// larger than memory does not displace what others have cached. Advice to the kernel: it never
// changes what is read. (Asking for sources ahead of the merge was tried: the kernel's own reading
// ahead is as fast with two threads, and faster with one.)
import Planning
import Storage

/// Follows a job from source to source, in the order of its recipes.
///
/// Told of progress at the gate of `TileLine`, by one thread at a time.
final class PassingInputs {
  /// How far ahead of the merge it looks: farther than the kernel reads ahead. What that reads
  /// beyond a job's end counts as somebody's.
  static let windowByteCount: Int64 = 64 << 20
  /// What it looks for, and lets go, at once.
  static let stepByteCount: Int64 = 4 << 20

  /// A part of a file, and where it begins among all bytes to be read.
  private struct Part {
    var file: Int
    var range: Range<Int64>
    var start: Int64

    var end: Int64 { start + Int64(range.count) }
  }

  private let inputs: InputFiles
  private let allowance: CacheAllowance
  /// In order, joined where one goes on where another ends.
  private var parts: [Part] = []
  /// Where each recipe's source begins among all bytes.
  private var starts: [Int64] = []
  private var nextPart = 0
  /// Of all bytes, those that were looked for in the cache.
  private var seen: Int64 = 0
  /// What was not in it, the oldest first.
  private var brought: [Part] = []
  /// What was let go last.
  private var gone: Part?

  /// `allowance` says how much of what it brings may stay.
  init(_ recipes: [TensorRecipe], _ inputs: InputFiles, _ allowance: CacheAllowance) {
    self.inputs = inputs
    self.allowance = allowance
    var start: Int64 = 0
    for recipe in recipes {
      starts.append(start)
      let (file, first) = (recipe.source.file, recipe.source.offset)
      let range = first..<first + recipe.source.byteCount
      guard inputs.isPlain(range, of: file) else { continue }
      if let last = parts.last, last.file == file, last.range.upperBound == first {
        parts[parts.count - 1].range = last.range.lowerBound..<range.upperBound
      } else {
        parts.append(Part(file: file, range: range, start: start))
      }
      start += recipe.source.byteCount
    }
    starts.append(start)
    goOn(to: 0)
  }

  /// So many of the equal pieces of a recipe's source are read.
  func reached(recipe: Int, _ done: Int, of count: Int) {
    let byteCount = starts[recipe + 1] - starts[recipe]
    goOn(to: starts[recipe] + Int64(Double(byteCount) * Double(done) / Double(max(1, count))))
  }

  private func goOn(to place: Int64) {
    while nextPart < parts.count, seen < place + Self.windowByteCount {
      let part = parts[nextPart]
      let first = part.range.lowerBound + (seen - part.start)
      let piece = first..<min(first + Self.stepByteCount, part.range.upperBound)
      look(Part(file: part.file, range: piece, start: seen))
      seen += Int64(piece.count)
      if seen == part.end { nextPart += 1 }
    }
    while let oldest = brought.first, oldest.end <= place {
      brought.removeFirst()
      if !allowance.take(Int64(oldest.range.count)) { letGo(oldest) }
    }
  }

  /// Pages are cached in runs of up to two megabytes, which go whole or not at all: the part before
  /// is let go again, with what lies across the edge.
  private func letGo(_ part: Part) {
    var first = part.range.lowerBound
    if let gone, gone.file == part.file, gone.range.upperBound == first {
      first = gone.range.lowerBound
    }
    inputs.dropCache(of: part.file, first..<part.range.upperBound)
    gone = part
  }

  /// Where less than half of a part is cached, all of it counts as brought by the merge: the kernel
  /// may have begun to read ahead.
  private func look(_ part: Part) {
    guard let cached = inputs.cachedByteCount(of: part.file, part.range) else { return }
    if cached < Int64(part.range.count) / 2 { brought.append(part) }
  }
}
