// Output files in llama.cpp's container. A file's prelude is what `GGUFFile` describes: counts, the
// base's keys byte for byte, a description of each tensor. Keys that say how the files are split,
// or what most weights are, follow what the output is.
//
//   one file                     all keys
//   STEM-00001-of-00003.gguf     all keys, split.no 0, split.count 3, split.tensors.count
//   STEM-00002-of-00003.gguf     split.no 1, split.count, split.tensors.count alone
//
// Source: llama.cpp `tools/gguf-split`, `src/llama-model-loader.cpp`.
import Checkpoints
package import GGUF
import Safetensors
import Storage

struct GGUFJobs {
  private let model: GGUFModel
  private let blocks: [String: GGUFTensor]
  private let recipes: [TensorRecipe]
  private let groups: [JobPlanner.Group]
  private let fileType: Int?

  init(_ model: GGUFModel, _ recipes: [TensorRecipe], _ groups: [JobPlanner.Group]) {
    self.model = model
    self.recipes = recipes
    self.groups = groups
    let blocks = model.blocks
    self.blocks = blocks
    let old = Self.main(model.files.lazy.flatMap(\.tensors).map { ($0.type, $0.elementCount) })
    let new = Self.main(
      recipes.lazy.map { recipe in
        let kind = Self.kind(of: recipe, blocks)
        return (kind.type, kind.shape.reduce(1, *))
      })
    fileType = new == old ? nil : new.flatMap { Self.fileTypes[$0] }
  }

  var jobs: [MergeJob] { groups.indices.map(job) }

  /// As many files as `split.count` can say.
  static let countMax = Int(UInt16.max)

  private func job(_ id: Int) -> MergeJob {
    let group = groups[id]
    let source = group.source.map { model.files[$0] } ?? (id == 0 ? model.files[0] : nil)
    let alignment = source?.alignment ?? Self.alignment
    var own: [TensorRecipe] = []
    var infos: [UInt8] = []
    var end: Int64 = 0
    for index in group.members {
      var recipe = recipes[index]
      recipe.offset = end
      let kind = Self.kind(of: recipe, blocks)
      infos += GGUFLayout.tensor(recipe.name, kind.type, kind.shape, offset: end)
      end = (end + recipe.byteCount).aligned(to: alignment)
      own.append(recipe)
    }
    var front = GGUFPrelude()
    let keys = keys(id, source, input: group.source ?? 0)
    front.append(
      GGUFLayout.front(
        version: model.files[0].version, tensorCount: own.count, fieldCount: keys.count))
    for key in keys { front.append(key) }
    front.append(infos)
    front.pad(to: alignment)
    let headerByteCount = front.byteCount
    return MergeJob(
      id: id, shardName: name(id), recipes: own, headerByteCount: headerByteCount,
      byteCount: headerByteCount + end, prelude: front.finished(alignment: alignment))
  }

  /// What files are laid by that do not say otherwise.
  private static let alignment: Int64 = 32

  private func name(_ id: Int) -> String {
    let first = Path.name(model.files[0].path)
    if let source = groups[id].source { return Path.name(model.files[source].path) }
    let stem = SplitName(first)?.stem ?? String(first.dropLast(GGUFFile.ending.count))
    return groups.count == 1
      ? stem + GGUFFile.ending : SplitName(stem: stem, count: groups.count).name(of: id + 1)
  }

  // MARK: Tensors

  /// What a recipe's output is to ggml.
  private static func kind(
    of recipe: TensorRecipe, _ blocks: [String: GGUFTensor]
  ) -> (type: GGMLType, shape: [Int]) {
    if let encoding = recipe.encoding, let type = encoding.blockType {
      return (type, encoding.shape)
    }
    // Blocks are stored as U8, which is no type of ggml's.
    if let type = GGMLType(plain: recipe.dtype) { return (type, recipe.shape) }
    guard recipe.isCopy, let block = blocks[recipe.name] else {
      unreachable("\(recipe.name) is \(recipe.dtype.rawValue), which ggml does not have")
    }
    return (block.type, block.shape)
  }

  /// The type that most elements have; of two, the one whose name comes first.
  private static func main(_ tensors: some Sequence<(GGMLType, Int)>) -> String? {
    var counts: [String: Int] = [:]
    for (type, count) in tensors { counts[type.name, default: 0] += count }
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  /// `llama_ftype` of files of mostly one type (`llama.h`); of the types that are written here.
  private static let fileTypes = [
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "BF16": 32,
  ]

  // MARK: Keys

  private func keys(_ id: Int, _ source: GGUFFile?, input: Int) -> [GGUFPrelude.Key] {
    var split: [(key: String, type: GGUFValueType, value: Int)] =
      groups.count == 1
      ? []
      : [
        ("split.no", .uint16, id), ("split.count", .uint16, groups.count),
        ("split.tensors.count", .int32, recipes.count),
      ]
    // A lone file that stays one keeps even what it says of splits.
    let isLone = groups.count == 1 && model.files.count == 1
    var keys: [GGUFPrelude.Key] = []
    for field in source?.fields ?? [] {
      if let fileType, field.key == "general.file_type", field.type == .uint32 {
        keys.append(.new(GGUFLayout.field(field.key, field.type, fileType)))
      } else if isLone || !Self.splitKeys.contains(field.key) {
        keys.append(.kept(field, input: input))
      } else if let place = split.firstIndex(where: { $0.key == field.key }) {
        let own = split.remove(at: place)
        keys.append(.new(GGUFLayout.field(own.key, own.type, own.value)))
      }
    }
    return keys + split.map { .new(GGUFLayout.field($0.key, $0.type, $0.value)) }
  }

  private static let splitKeys: Set = ["split.no", "split.count", "split.tensors.count"]
}

extension Encoding {
  /// ggml's type of the blocks that a recipe writes; nil where it writes none.
  package var blockType: GGMLType? {
    form == Self.blocks ? int("type").flatMap { GGMLType(id: UInt32($0)) } : nil
  }

  /// The form of ggml's blocks.
  static let blocks = "ggmlBlocks"
}
