// The figures of a plan that people look at before they start.
import Safetensors

/// Counts and bytes of a whole plan.
package struct PlanSummary: Equatable, Sendable {
  package var jobCount: Int
  package var tensorCount: Int
  /// Tensors that an adapter changes or brings.
  package var changedCount: Int
  /// Tensors decoded only for another dtype.
  package var convertedCount: Int
  package var copiedCount: Int
  /// Bytes of weights that will be read: base tensors and adapter factors once each.
  package var readByteCount: Int64
  /// Bytes that will be written: all shards with their headers.
  package var writtenByteCount: Int64
  package var largestJobByteCount: Int64
  /// How many weights of each quantised format become plain.
  package var forms: [String: Int] = [:]
  /// How many of each go back into it.
  package var requantized: [String: Int] = [:]

  package init(_ plan: MergePlan) {
    jobCount = plan.jobs.count
    (tensorCount, changedCount, convertedCount, copiedCount) = (0, 0, 0, 0)
    (readByteCount, writtenByteCount, largestJobByteCount) = (0, 0, 0)
    for job in plan.jobs {
      writtenByteCount += job.byteCount
      largestJobByteCount = max(largestJobByteCount, job.byteCount)
      for recipe in job.recipes {
        tensorCount += 1
        readByteCount += recipe.sourceByteCount
        if let decoding = recipe.decoding {
          switch recipe.encoding?.part {
          case nil: forms[decoding.title, default: 0] += 1
          case .codes: requantized[decoding.title, default: 0] += 1
          case .scales, .nestedScales: break
          }
        }
        let isFromAdapter = plan.inputs[recipe.source.file].role != .base
        if !recipe.updates.isEmpty || isFromAdapter {
          changedCount += 1
        } else if recipe.isCopy {
          copiedCount += 1
        } else {
          convertedCount += 1
        }
      }
    }
    for input in plan.inputs where input.role != .base { readByteCount += input.byteCount }
  }
}
