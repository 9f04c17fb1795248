// Why a merge cannot be planned: nothing has been written and no weight has been read yet.
package import Checkpoints
package import Safetensors

package enum PlanningError: Error, Equatable {
  /// Modules of the adapter that no base tensor answers to.
  case unresolved(adapter: String, modules: [String], count: Int, total: Int, nearest: [String])
  /// Two ways to match names fit and differ.
  case ambiguous(adapter: String, module: String, first: String, second: String)
  /// A whole tensor that the base lacks and the config does not announce.
  case unannounced(adapter: String, tensor: String, wanted: String)
  case shape(adapter: String, tensor: String, target: String, expected: [Int], found: String)
  /// Modules of a pipeline's part that the base lacks.
  case component(adapter: String, component: String, module: String, count: Int, total: Int)
  /// Two parts of a pipeline would change the same weight.
  case twoComponents(adapter: String, first: String, second: String, target: String)
  /// All that the adapter brings is for other parts of a pipeline.
  case otherComponents(adapter: String, components: [String], base: String)
  /// One expert's gate or up where the base's columns of both alternate.
  case interleaved(adapter: String, tensor: String, target: String)
  /// A method that changes a weight as a whole, for a base that keeps it in parts.
  case uncut(adapter: String, module: String, target: String)
  /// The library that wrote the adapter keeps this weight in another form than the base does.
  case convention(adapter: String, tensor: String, target: String, what: String)
  /// The order of the rows of a head is not known, or DoRA stands in its way.
  case headOrder(adapter: String, module: String, model: String?)
  /// A LoRA of llama.cpp for another base than a .gguf file.
  case needsGGUFBase(adapter: String)
  /// A LoRA of llama.cpp for another kind of model.
  case architecture(adapter: String, expected: String, base: String)
  /// A kind of .gguf model whose names for modules are not known.
  case unknownArchitecture(adapter: String, architecture: String?)
  /// A module that a kind of .gguf model has no name for.
  case unnamed(adapter: String, module: String, architecture: String)
  /// llama.cpp's converter has put the base's weight in another form.
  case converted(adapter: String, module: String, target: String, change: String)
  /// The rows of a module are no whole heads by the base's metadata.
  case headCount(adapter: String, module: String, target: String, key: String, rows: Int)
  /// One side of a table that a .gguf base has once for both.
  case sharedTable(adapter: String, target: String)
  /// The layers that the adapter was trained on cannot be made of the base's.
  case replication(adapter: String, problem: String)
  case groupedConvolution(adapter: String, tensor: String, target: String)
  /// The shapes of a square weight cannot tell its orientation and nothing else does.
  case undecidedOrientation(adapter: String, module: String, target: String)
  case rank(adapter: String, module: String, config: Int, origin: String, found: Int)
  case expertCount(adapter: String, module: String, expected: Int, found: String)
  case parameterOrder(adapter: String, module: String, parameters: [String], found: Int)
  case missingBias(adapter: String, module: String, wanted: String)
  /// An update aims at a dtype that nothing can be added to.
  case dtype(target: String, found: DType)
  /// A quantised base that cannot be read.
  case quantized(path: String, QuantizedFault)
  /// An AWQ or SmoothQuant base whose hidden scales the adapter was not trained with.
  case hiddenScales(adapter: String, method: String, base: String, trainedOn: String)
  /// A rule reads a whole weight that is stored quantised.
  case readsQuantized(adapter: String, target: String)
  /// A weight in a form that can be copied alone, and would have to be read.
  case unreadForm(target: String, form: String)
  /// `--dequantize touched` where loaders of the format take all modules for quantised.
  case noSkipList(method: String)
  /// `--requantize same` for a weight that has no way back into its form.
  case notRequantized(target: String, form: String, reason: String, advice: String)
  /// `--requantize` for a base that is plain.
  case notQuantized(path: String, MergeOptions.Requantize)
  /// `--requantize` to ggml's blocks for a base in another container.
  case noBlocks(path: String, MergeOptions.Requantize)
  /// A second adapter replaces what an earlier one wrote, or two write the same rows.
  case conflict(target: String, first: String, second: String, what: String)
  case doraNotAlone(target: String, adapter: String)
  /// An update that only adding can combine.
  case notCombinable(target: String, adapter: String, method: String)
  /// `--combine` without the option that it needs.
  case combinationLacks(method: String, option: String)
  case strengthOnNew(adapter: String, tensor: String)
  case rowOutside(adapter: String, tensor: String, row: Int, rows: Int)
  case cannotUntie(model: String, target: String)
  case nothingToDo(adapter: String)
  /// The command line leaves out every module of an adapter.
  case nothingLeft(adapter: String)
  /// A rule for single modules that no module of the adapters meets.
  case ruleWithoutModule(rule: String, adapter: Int?, nearest: [String], modules: [String])
  case noSuchAdapter(rule: String, number: Int, count: Int)
  /// Rules that part the two sides of a pair that was trained as one.
  case tiedApart(adapter: String, first: String, second: String)
  case shardLimit(bytes: Int64)
  /// More files than a set of llama.cpp's can have.
  case tooManyFiles(count: Int)

  package var sentence: String {
    switch self {
    case .unresolved(let adapter, let modules, let count, let total, let nearest):
      "\(adapter): \(count) of \(total) modules have no weight in the base, such as "
        + Self.list(modules)
        + (nearest.isEmpty
          ? "; the adapter was trained on another model"
          : "; the base has \(Self.list(nearest)): check that it is the adapter's base")
    case .ambiguous(let adapter, let module, let first, let second):
      "\(adapter): module \"\(module)\" could mean \"\(first)\" or \"\(second)\" in the base; "
        + "rename the adapter's tensors to the base's names"
    case .unannounced(let adapter, let tensor, let wanted):
      "\(adapter): tensor \"\(tensor)\" would replace \"\(wanted)\", which the base does not have "
        + "and modules_to_save does not announce; check that it is the adapter's base"
    case .shape(let adapter, let tensor, let target, let expected, let found):
      "\(adapter): tensor \"\(tensor)\" does not fit \"\(target)\" of shape \(expected): \(found)"
    case .component(let adapter, let component, let module, let count, let total):
      "\(adapter): \(count) of the \(component)'s \(total) modules have no weight in the base, "
        + "such as \"\(module)\"; give the \(component) that it was trained on, with the names "
        + "that it was trained with"
    case .twoComponents(let adapter, let first, let second, let target):
      "\(adapter): its \(first) and its \(second) both fit \"\(target)\" of the base; leave one "
        + "of the two out of the file"
    case .otherComponents(let adapter, let components, let base):
      "\(adapter): all it holds is for another checkpoint (\(components.joined(separator: ", "))) "
        + "and nothing for \(base); give that part's folder of the pipeline as --base"
    case .interleaved(let adapter, let tensor, let target):
      "\(adapter): tensor \"\(tensor)\" is for one half of \"\(target)\", whose gate and up "
        + "columns alternate, which is not merged; merge it with the library that trained it"
    case .uncut(let adapter, let module, let target):
      "\(adapter): module \"\(module)\" changes its weight as a whole, of which the base keeps a "
        + "part in \"\(target)\"; give a checkpoint with the names that it was trained with"
    case .convention(let adapter, let tensor, let target, let what):
      "\(adapter): tensor \"\(tensor)\" is kept \(what) by the library that wrote it, "
        + "so it cannot take the place of \"\(target)\" as it is; fuse it with that library"
    case .headOrder(let adapter, let module, let model):
      "\(adapter): in which order module \"\(module)\" has the rows of its heads is not known "
        + "for a base of type \(model ?? "that no config.json tells"); "
        + "export it with torchtune as a PEFT adapter"
    case .needsGGUFBase(let adapter):
      "\(adapter) is a LoRA of llama.cpp, for a .gguf base; give the PEFT adapter that it was "
        + "converted from, or the .gguf model as --base"
    case .architecture(let adapter, let expected, let base):
      "\(adapter) is for a model of architecture \"\(expected)\", and the base is a \"\(base)\"; "
        + "give the model that it was trained on"
    case .unknownArchitecture(let adapter, let architecture):
      "\(adapter): what a .gguf base of architecture \"\(architecture ?? "")\" calls its modules "
        + "is not known; convert the adapter with llama.cpp's convert_lora_to_gguf.py and give that"
    case .unnamed(let adapter, let module, let architecture):
      "\(adapter): module \"\(module)\" has no known name in a .gguf base of architecture "
        + "\"\(architecture)\"; leave it out with --except, or \(Self.beforeConversion)"
    case .converted(let adapter, let module, let target, let change):
      "\(adapter): what it has for \"\(module)\" cannot be laid on \"\(target)\", because "
        + "llama.cpp's converter \(change); \(Self.beforeConversion)"
    case .headCount(let adapter, let module, let target, let key, let rows):
      "\(adapter): the \(rows) rows of \"\(module)\" are no whole heads by the base's \(key), so "
        + "their order in \"\(target)\" is not known; check that it is the adapter's base"
    case .sharedTable(let adapter, let target):
      "\(adapter) changes one side of \"\(target)\", which the base uses for its output too; "
        + Self.beforeConversion
    case .replication(let adapter, let problem):
      "\(adapter): layer_replication cannot be followed: \(problem)"
    case .groupedConvolution(let adapter, let tensor, let target):
      "\(adapter): tensor \"\(tensor)\" aims at the grouped convolution \"\(target)\", "
        + "which has no merge"
    case .undecidedOrientation(let adapter, let module, let target):
      "\(adapter): module \"\(module)\" aims at the square weight \"\(target)\" and nothing tells "
        + "whether it is stored transposed; config.json with its model_type must be in the base"
    case .rank(let adapter, let module, let config, let origin, let found):
      "\(adapter): module \"\(module)\" has rank \(found) in its tensors, but \(config) by "
        + "\(origin) in the config; one of the two is not this adapter's"
    case .expertCount(let adapter, let module, let expected, let found):
      "\(adapter): module \"\(module)\": the base has \(expected) experts, but \(found)"
    case .parameterOrder(let adapter, let module, let parameters, let found):
      "\(adapter): module \"\(module)\" has \(found) pairs of factors, but target_parameters "
        + "names \(Self.list(parameters)) for it"
    case .missingBias(let adapter, let module, let wanted):
      "\(adapter): module \"\(module)\" brings a bias update, but the base has no \"\(wanted)\""
    case .dtype(let target, let found):
      "\"\(target)\" is \(found.rawValue) in the base; updates can be added to F64, F32, F16 and "
        + "BF16 only"
    case .quantized(let path, let fault): "\(path): \(fault.sentence)"
    case .hiddenScales(let adapter, let method, let base, let trainedOn):
      "\(adapter) was trained on \(trainedOn), but the base is \(base), whose weights \(method) "
        + "has scaled by factors that it does not keep; merge into \(trainedOn) instead"
    case .readsQuantized(let adapter, let target):
      "\(adapter) brings an update that reads the whole of \"\(target)\", which is quantised in "
        + "the base; dequantise the base first"
    case .unreadForm(let target, let form):
      "\"\(target)\" is stored as \(form), which is copied but not read; "
        + "use a base of another type"
    case .noSkipList(let method):
      "loaders of \(method) have no list of modules that are not quantised, so --dequantize "
        + "touched would not load; use --dequantize all"
    case .notRequantized(let target, let form, let reason, let advice):
      "\"\(target)\" is stored as \(form) and cannot be quantised again: \(reason); "
        + advice
    case .notQuantized(let path, let wanted):
      "\(path) is not quantised, so --requantize \(wanted.rawValue) has nothing to go back to; "
        + "leave it away"
    case .noBlocks(let path, let wanted):
      "\(path) is not in llama.cpp's container, which alone has the blocks of --requantize "
        + "\(wanted.rawValue); use --requantize same or leave it away"
    case .conflict(let target, let first, let second, let what):
      "\(first) and \(second) both bring \(what) for \"\(target)\"; merge them one after the "
        + "other, or leave one out"
    case .doraNotAlone(let target, let adapter):
      "\(adapter) is a DoRA adapter and \"\(target)\" is updated by another adapter too; "
        + "DoRA depends on the weight it was trained on, so merge it alone"
    case .notCombinable(let target, let adapter, let method):
      "\(adapter) changes \"\(target)\" by more than one plain pair of factors, which --combine "
        + "\(method) cannot weigh against others; use --combine sum"
    case .combinationLacks(let method, let option):
      "--combine \(method) needs \(option)"
    case .strengthOnNew(let adapter, let tensor):
      "\(adapter): tensor \"\(tensor)\" is new to the base or changes its shape, so a strength "
        + "other than 1 has no meaning for it"
    case .rowOutside(let adapter, let tensor, let row, let rows):
      "\(adapter): tensor \"\(tensor)\" holds row \(row), but the embedding has \(rows) rows"
    case .cannotUntie(let model, let target):
      "the adapter changes one side of the tied \"\(target)\", and a \(model) model computes "
        + "differently once untied; this merge has no exact result"
    case .nothingToDo(let adapter): "\(adapter) holds nothing to merge"
    case .nothingLeft(let adapter):
      "\(adapter): --only, --except and --scale leave none of its modules; name one that stays, or "
        + "leave the adapter away"
    case .ruleWithoutModule(let rule, let adapter, let nearest, let modules):
      "\(rule) matches no module of "
        + (adapter.map { "adapter \($0)" } ?? "any adapter")
        + (nearest.isEmpty
          ? ", which are such as \(Self.list(modules))" : "; the nearest: \(Self.list(nearest))")
    case .noSuchAdapter(let rule, let number, let count):
      "\(rule) speaks of adapter \(number), but \(count == 1 ? "1 is" : "\(count) are") given"
    case .tiedApart(let adapter, let first, let second):
      "\(adapter): \"\(first)\" and \"\(second)\" were trained as one (ensure_weight_tying), so "
        + "--scale, --only and --except must treat them alike; name both"
    case .tooManyFiles(let count):
      "the output would be \(count) files, and a set of .gguf files has at most "
        + "\(GGUFJobs.countMax); give a larger --max-shard-size"
    case .shardLimit(let bytes):
      "--max-shard-size is \(bytes) bytes; at least 1 byte is needed"
    }
  }

  private static let beforeConversion =
    "merge into the checkpoint that the base was converted from"

  private static func list(_ names: [String]) -> String {
    names.prefix(3).map { "\"\($0)\"" }.joined(separator: ", ")
  }
}
