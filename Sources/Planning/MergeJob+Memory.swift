// Memory that a job needs beside the buffers of its worker: what grows with the job.

extension MergeJob {
  /// The smallest memory limit of a worker that can merge this job.
  ///
  /// Beside the buffers, which are half of the limit at most (`TileBudget`), a worker holds the
  /// job's recipes, read as `sliceByteCount` bytes of JSON and some three times that as values, for
  /// DoRA 16 bytes for each row or column of the tensor at hand, and for a rule that must see much
  /// of a weight at once that much of it. A little of that fits beside the smallest buffers.
  package func memoryByteCount(sliceByteCount: Int64) -> Int64 {
    let own = recipes.reduce(0) { most, recipe in
      max(most, recipe.merged.normByteCount + recipe.merged.weightByteCount)
    }
    let extra = 4 * sliceByteCount + own
    let smallest = TileBudget(memoryByteCount: 0, threads: 1).peakByteCount
    guard extra > Self.byteCountBeside else { return smallest }
    // limit − limit/2 − runtime ≥ extra, in which limit/2 is what the buffers take.
    return 2 * (extra + TileBudget.runtimeByteCount)
  }

  /// What fits beside the buffers of any limit.
  private static let byteCountBeside: Int64 = 16_000_000
}

extension TensorRecipe {
  /// What rules of other families than LoRA hold: operands and what is made of them in Float64, and
  /// the elements that must be together: as read and written, in the working type (three blocks),
  /// in Float64, and once more while a rule works on them.
  fileprivate var weightByteCount: Int64 {
    let operands = updates.reduce(Int64(0)) { sum, update in
      guard case .weight(let rule) = update.rule else { return sum }
      // A combination makes each of its updates whole.
      let isCombined = rule.name == Combination.ruleName
      let updates = isCombined ? 8 * rule.operands.count * elementsTogether : 0
      return rule.operands.reduce(sum + Int64(updates)) {
        $0 + 32 * Int64($1.tensor.elementCount)
      }
    }
    return operands + 64 * Int64(elementsTogether)
  }

  fileprivate var normByteCount: Int64 {
    updates.reduce(0) { most, update in
      guard case .dora = update.rule else { return most }
      return max(most, 16 * Int64(max(update.window.rows.count, update.window.columns.count)))
    }
  }
}
