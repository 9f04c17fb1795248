// The whole merge on paper: pure data, the same for the same inputs and options, with nothing of
// time, worker counts or hosts in it.

import GGUF
import Safetensors
package import Storage

/// An input file as the plan saw it; a later run compares and refuses where one differs.
package struct InputFile: Equatable, Sendable {
  package enum Role: Equatable, Sendable {
    case base
    /// Index into `MergePlan.adapters`.
    case adapter(Int)
  }

  package var role: Role
  /// Absolute.
  package var path: String
  /// Relative to its folder; the manifest names it so.
  package var name: String
  package var byteCount: Int64
  /// Nanoseconds since 1970, as the file system had it.
  package var modified: Int64
  /// `xxh3:…` of the header (8 bytes of length included), or of what else describes the tensors.
  package var headerDigest: String
  /// Tensors that have no run of bytes in the file, each with the one it has behind its end.
  package var views: [StridedView]

  package init(
    role: Role, path: String, name: String, byteCount: Int64, modified: Int64, headerDigest: String,
    views: [StridedView] = []
  ) {
    self.role = role
    self.path = path
    self.name = name
    self.byteCount = byteCount
    self.modified = modified
    self.headerDigest = headerDigest
    self.views = views
  }

  /// The first offset that no tensor can reach: the end of the file, or of its last view.
  package var extent: Int64 { views.last?.end ?? byteCount }
}

/// An adapter of the run, in the order given.
package struct PlannedAdapter: Equatable, Sendable {
  /// Absolute folder.
  package var path: String
  /// The strength given on the command line, 1 by default.
  package var strength: Double
  /// The family, e.g. `LORA`.
  package var kind: String
  /// `xxh3:…` of the config file's bytes.
  package var configDigest: String

  package init(path: String, strength: Double, kind: String, configDigest: String) {
    self.path = path
    self.strength = strength
    self.kind = kind
    self.configDigest = configDigest
  }
}

/// Choices that change the output's bytes.
package struct MergeOptions: Equatable, Sendable {
  package enum Layout: String, Sendable, CaseIterable { case layers, source }
  package enum OutputDType: String, Sendable, CaseIterable {
    case keep, bf16, f16, f32

    /// nil where each tensor keeps its own.
    var dtype: DType? {
      switch self {
      case .keep: nil
      case .bf16: .bf16
      case .f16: .f16
      case .f32: .f32
      }
    }
  }
  /// What adapted weights are worked on in, whatever their own type. Weights of F64 always are in
  /// Float64.
  package enum Accumulation: String, Sendable, CaseIterable {
    case f32, f64

    /// The name of the order of operations, which an output's manifest holds.
    package var contract: String { self == .f32 ? "f32-once" : "f64-once" }
  }
  package enum NonFinite: String, Sendable, CaseIterable { case refuse, keep }
  package enum Dequantize: String, Sendable, CaseIterable { case auto, all, touched }
  package enum Requantize: String, Sendable, CaseIterable {
    case none, same
    case q8 = "q8_0"
    case q5WithLeast = "q5_1"
    case q5 = "q5_0"
    case q4WithLeast = "q4_1"
    case q4 = "q4_0"

    /// The type of blocks that is named; nil where none is.
    var blockType: GGMLType? { GGMLType(named: rawValue.uppercased()) }
  }
  package enum LostUpdates: String, Sendable, CaseIterable { case refuse, keep }

  package var layout: Layout = .layers
  /// Bytes of tensor data; nil is `auto`.
  package var maxShardByteCount: Int64?
  package var dtype: OutputDType = .keep
  /// `xxh3` or `sha256`: the digest of whole shards in the manifest.
  package var digest: String = "xxh3"
  package var accumulation: Accumulation = .f32
  package var nonFinite: NonFinite = .refuse
  /// Which quantised weights of the base become plain. `auto` is all where an update touches one,
  /// none otherwise; a plan holds what came of it.
  package var dequantize: Dequantize = .auto
  /// Whether quantised weights that an update touches go back into the base's own form, or into
  /// blocks of ggml's.
  package var requantize: Requantize = .none
  /// What is done where next to nothing of an update is left on the form's grid.
  package var lostUpdates: LostUpdates = .refuse
  package var combination = Combination()
  package var selection = ModuleSelection()

  package init() {}
}

/// Everything a merge will do.
package struct MergePlan: Equatable, Sendable {
  /// Absolute folder of the base checkpoint.
  package var basePath: String
  package var options: MergeOptions
  package var inputs: [InputFile]
  package var adapters: [PlannedAdapter]
  package var jobs: [MergeJob]
  /// Shards are joined by an index, unless all fits one file of the usual name.
  package var hasIndex: Bool
  /// Members of config.json that the output sets: dotted path → JSON text of the new value.
  package var configChanges: [ConfigChange]
  /// Adapter tensors that are read by no update, each with the reason (copies PEFT saved along).
  package var setAside: [String]
  /// What a person should know before starting; nothing here stops the merge.
  package var warnings: [String]

  package init(
    basePath: String, options: MergeOptions, inputs: [InputFile], adapters: [PlannedAdapter],
    jobs: [MergeJob], hasIndex: Bool, configChanges: [ConfigChange], setAside: [String],
    warnings: [String]
  ) {
    self.basePath = basePath
    self.options = options
    self.inputs = inputs
    self.adapters = adapters
    self.jobs = jobs
    self.hasIndex = hasIndex
    self.configChanges = configChanges
    self.setAside = setAside
    self.warnings = warnings
  }
}

/// A member of config.json and its new value.
package struct ConfigChange: Equatable, Sendable {
  /// Keys from the top, e.g. `["text_config", "tie_word_embeddings"]`.
  package var path: [String]
  /// JSON text, e.g. `false`; nil where the member goes.
  package var value: String?

  package init(path: [String], value: String?) {
    self.path = path
    self.value = value
  }
}
