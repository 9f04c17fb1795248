// An adapter as `inspect` shows it: its config as it stands, and its tensors module by module. What
// the tensors mean to a base is for `plan` to say.
//
//   base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
//                    module ------------------------ part
import OrderedJSON
import Safetensors
import Storage

/// What is told of an adapter.
struct AdapterPortrait {
  let path: String
  let config: JSON
  /// Names of the weight files, relative to the folder.
  let files: [String]
  let tensors: [TensorEntry]
  let listsTensors: Bool

  /// Reads the config and the headers of an adapter's folder.
  static func read(
    _ path: String, listsTensors: Bool
  ) throws(CommandError) -> AdapterPortrait {
    let config = try json(Path.join(path, "adapter_config.json"))
    let files: [String]
    var tensors: [TensorEntry] = []
    do throws(StorageError) {
      files = try Folder.list(path).filter(isWeightFile)
    } catch {
      throw .storage(error)
    }
    for file in files where file.hasSuffix(".safetensors") {
      do throws(SafetensorsError) {
        tensors += try ShardHeader.read(Path.join(path, file)).tensors
      } catch {
        throw .safetensors(error)
      }
    }
    return AdapterPortrait(
      path: path, config: config, files: files, tensors: tensors, listsTensors: listsTensors)
  }

  private static func isWeightFile(_ name: String) -> Bool {
    name.hasPrefix("adapter_model") && (name.hasSuffix(".safetensors") || name.hasSuffix(".bin"))
  }

  private static func json(_ path: String) throws(CommandError) -> JSON {
    let bytes: [UInt8]
    do throws(StorageError) { bytes = try WholeFile.read(path, limit: 1 << 28) } catch {
      throw .storage(error)
    }
    do throws(JSONError) { return try JSON(parsing: bytes) } catch {
      throw .json(path: path, error)
    }
  }

  // MARK: Config

  /// Members that say nothing of what the adapter does to weights: training alone, or other files.
  private static let silent: Set<String> = [
    "peft_type", "base_model_name_or_path", "auto_mapping", "inference_mode", "peft_version",
    "task_type", "revision", "lora_dropout", "init_lora_weights", "init_weights", "megatron_core",
    "qalora_group_size", "rank_dropout", "module_dropout",
  ]

  /// What is switched on, in the config's order.
  private var settings: [JSON.Member] {
    (config.members ?? []).filter {
      !Self.silent.contains($0.key) && $0.value.isOn && $0.value != .string("none")
    }
  }

  /// `name: value`, lists and objects as JSON without the outer quotes.
  private static func text(_ value: JSON) -> String {
    switch value {
    case .string(let text): text
    case .array(let elements) where elements.allSatisfy({ $0.text != nil }):
      elements.compactMap(\.text).joined(separator: ", ")
    default: value.compact
    }
  }

  // MARK: Modules

  /// Modules of one pattern, with the same parts.
  struct ModuleGroup: Equatable, Sendable {
    var pattern: String
    /// `lora_A 8 x 64, lora_B 64 x 8`.
    var parts: String
    var count: Int
    var byteCount: Int64
  }

  /// The modules that the tensors belong to, in the order of their first tensors.
  var modules: [ModuleGroup] {
    var order: [String] = []
    var parts: [String: [(text: String, byteCount: Int64)]] = [:]
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      let (module, part) = Self.split(tensor.name)
      if parts[module] == nil { order.append(module) }
      let text = "\(part) \(Shape.text(tensor.shape)) \(tensor.dtype.rawValue)"
      parts[module, default: []].append((text, tensor.byteCount))
    }
    var groups: [ModuleGroup] = []
    var positions: [[String]: Int] = [:]
    for module in order {
      let own = parts[module] ?? []
      let pattern = TensorGroup.pattern(module)
      let text = own.map(\.text).joined(separator: ", ")
      let byteCount = own.reduce(0) { $0 + $1.byteCount }
      if let position = positions[[pattern, text]] {
        groups[position].count += 1
        groups[position].byteCount += byteCount
      } else {
        positions[[pattern, text]] = groups.count
        groups.append(
          ModuleGroup(pattern: pattern, parts: text, count: 1, byteCount: byteCount))
      }
    }
    return groups
  }

  /// A tensor's module and its part in it; PEFT's `base_model.model.` in front is left out.
  static func split(_ name: String) -> (module: String, part: String) {
    let prefix = "base_model.model."
    let bare = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    var words = bare.split(separator: ".", omittingEmptySubsequences: false)[...]
    var part: [Substring] = []
    let starts = words.dropFirst().firstIndex { word in
      families.contains { word.hasPrefix($0) }
    }
    if let starts {
      part = Array(words[starts...])
      words = words[..<starts]
      if part.count > 1, part.last == "weight" { part.removeLast() }
    } else if words.count > 1, let last = words.popLast() {
      part = [last]
    }
    return (words.joined(separator: "."), part.joined(separator: "."))
  }

  /// How names of parts begin in PEFT's families.
  private static let families = [
    "lora_", "hada_", "lokr_", "oft_", "boft_", "ia3_", "hra_", "vera_", "fourierft_", "vblora_",
    "randlora_", "bone_", "miss_", "c3a_", "road_", "shira_", "waveft_", "trainable_tokens_",
    "modules_to_save", "dora_", "token_adapter",
  ]

  // MARK: Text and JSON

  var text: String {
    var facts = Facts()
    facts.add("adapter", path)
    facts.add("kind", config["peft_type"]?.text ?? "unknown")
    if let base = config["base_model_name_or_path"]?.text, !base.isEmpty {
      facts.add("trained on", base)
    }
    for member in settings { facts.add(member.key, Self.text(member.value)) }
    for file in files {
      let remark = file.hasSuffix(".bin") ? ", a pickle: its tensors are not shown" : ""
      facts.add("weights", file + remark)
    }
    let byteCount = tensors.reduce(0) { $0 + $1.byteCount }
    facts.add("tensors", "\(Amount.count(tensors.count, "tensor")), \(Amount.bytes(byteCount))")
    return tensors.isEmpty ? facts.text : facts.text + "\n" + table.text()
  }

  private var table: Table {
    guard listsTensors else {
      var table = Table(.number("modules"), .number("bytes"), .text("module"), .text("parts"))
      for group in modules {
        table.add(
          Amount.count(group.count), Amount.bytes(group.byteCount), group.pattern, group.parts)
      }
      return table
    }
    var table = Table(.text("dtype"), .text("shape"), .number("bytes"), .text("tensor"))
    for tensor in tensors {
      table.add(
        tensor.dtype.rawValue, Shape.text(tensor.shape), Amount.bytes(tensor.byteCount),
        tensor.name)
    }
    return table
  }

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "adapter")
      writer.member("path", path)
      writer.member("config", config)
      writer.member("files", .array(files.map { .string($0) }))
      writer.member("tensorCount", tensors.count)
      writer.member("byteCount", tensors.reduce(0) { $0 + $1.byteCount })
      writer.key("modules")
      writer.array { writer in
        for group in modules {
          writer.object { writer in
            writer.member("pattern", group.pattern)
            writer.member("count", group.count)
            writer.member("parts", group.parts)
            writer.member("byteCount", group.byteCount)
          }
        }
      }
      if listsTensors {
        writer.key("tensors")
        writer.array { writer in
          for tensor in tensors {
            writer.object { writer in
              writer.member("name", tensor.name)
              writer.member("dtype", tensor.dtype.rawValue)
              writer.member("shape", Shape.json(tensor.shape))
              writer.member("byteCount", tensor.byteCount)
            }
          }
        }
      }
    }
    return writer.text + "\n"
  }
}
