// Everything that can stop the merging of a shard, as facts; `sentence` is the prose.
package import Kernels
package import Safetensors
package import Storage

/// Why a shard was not merged or not read back.
package enum MergingError: Error, Equatable {
  /// A file could not be read or written.
  case storage(StorageError)
  /// An input is not the file the plan saw: its size or its modified time (ns) differs.
  case inputChanged(path: String, expected: FileFacts, found: FileFacts)
  /// A weight that was finite is not any more. `row` and `column` are of the recipe's own view.
  case nonFinite(tensor: String, row: Int, column: Int, dtype: DType)
  /// A merged weight that shall be quantised is not finite, be it in the base or by the update.
  case notQuantizable(tensor: String, row: Int, column: Int)
  /// A merged weight is finite, and what its quantised form would make of it is not.
  case beyondForm(tensor: String, row: Int, column: Int)
  /// Of the elements that an update moves, next to none is left on the grid of the base's form.
  case lostUpdate(tensor: String, vanished: Int, moved: Int)
  /// A recipe asks for what its files or its shape do not have.
  case unfitRecipe(tensor: String, UnfitRecipe)
  /// The job's sizes are not those of its recipes.
  case unfitJob(shard: String, expectedByteCount: Int64, foundByteCount: Int64)
  /// The bytes before the job's tensors are not those that were planned.
  case unfitPrelude(shard: String)
  /// The environment asks for an instruction set that cannot be had.
  case instructionSet(KernelsError)
  /// Whoever watches the progress said stop; nothing is left on disk.
  case stopped(path: String)

  /// What tells a file from its earlier self.
  package struct FileFacts: Equatable, Sendable {
    package var byteCount: Int64
    /// Nanoseconds since 1970.
    package var modified: Int64

    package init(byteCount: Int64, modified: Int64) {
      self.byteCount = byteCount
      self.modified = modified
    }
  }

  /// What does not fit in a recipe.
  package enum UnfitRecipe: String, Equatable, Sendable {
    case shape = "its columns do not divide its elements"
    case source = "its source has another number of elements"
    case dtype = "updates need BF16, F16, F32 or F64"
    case file = "it reads outside of its input files"
    case window = "an update's window lies outside of it"
    case rank = "an update's rank is below 1"
    case rule = "it has a rule that this version does not know"
    case operand = "an update's tensor does not have the window's size"
    case order = "its stored order names a group of scales that it does not have"
    case map = "the stored numbers of its nested scales do not ascend"
    case encoding = "the quantised form that it writes is not known or does not fit its shape"
    case decoding = "its stored form is not known or does not fit its shape"
  }

  /// True where every other attempt would fail in the same way.
  package var isFinal: Bool {
    switch self {
    case .inputChanged, .nonFinite, .notQuantizable, .beyondForm, .lostUpdate, .unfitRecipe,
      .unfitJob, .unfitPrelude:
      true
    case .storage, .instructionSet, .stopped: false
    }
  }

  /// True where the disk is full.
  package var noSpace: Bool {
    if case .storage(.noSpace) = self { true } else { false }
  }

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .inputChanged(let path, let expected, let found):
      "\(path) changed since the merge was planned: \(expected.byteCount) bytes of time "
        + "\(expected.modified) expected, "
        + "\(found.byteCount) bytes of time \(found.modified) found; "
        + "put the file back or start anew with --restart"
    case .nonFinite(let tensor, let row, let column, let dtype):
      "\(tensor) is not finite any more at row \(row), column \(column) as \(dtype.rawValue), "
        + "where the base is finite; look at the adapter and its scale, or write such values with "
        + "--nonfinite keep"
    case .notQuantizable(let tensor, let row, let column):
      "\(tensor) is not finite at row \(row), column \(column) once it is merged, and has no "
        + "scale as such; look at the adapter and its scale, or merge with --dequantize all"
    case .beyondForm(let tensor, let row, let column):
      "\(tensor) has numbers near row \(row), column \(column) once it is merged that are too "
        + "large for the scales of the base's quantised form; look at the adapter and its scale, "
        + "or merge with --dequantize all"
    case .lostUpdate(let tensor, let vanished, let moved):
      "\(tensor) would lose its update: \(vanished) of the \(moved) elements that it moves are "
        + "below the step of the base's quantised form, and at most 99 % may be; merge with "
        + "--dequantize all, or write it so with --lost-updates keep"
    case .unfitRecipe(let tensor, let reason):
      "the plan of \(tensor) does not fit: \(reason.rawValue); plan anew with --restart"
    case .unfitJob(let shard, let expected, let found):
      "the plan of \(shard) does not fit: \(expected) bytes expected, its tensors give \(found); "
        + "plan anew with --restart"
    case .unfitPrelude(let shard):
      "the metadata of \(shard) is not what was planned; fetch the base again, or plan anew with "
        + "--restart"
    case .instructionSet(let error): error.sentence
    case .stopped(let path): "stopped before \(path) was complete; run the command again to go on"
    }
  }

  /// Runs a call on files and gives its failure this module's type.
  static func storage<T: ~Copyable>(
    _ body: () throws(StorageError) -> T
  ) throws(MergingError) -> T {
    do throws(StorageError) { return try body() } catch { throw .storage(error) }
  }
}
