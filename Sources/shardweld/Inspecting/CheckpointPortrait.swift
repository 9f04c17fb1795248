// A checkpoint as `inspect` shows it: from headers and configs, no weight is read.
import Checkpoints
import OrderedJSON
import Safetensors
import Storage

/// What is told of a checkpoint.
struct CheckpointPortrait {
  let checkpoint: Checkpoint
  /// Lists every tensor instead of groups of them.
  let listsTensors: Bool

  private var fileByteCount: Int64 { checkpoint.shards.reduce(0) { $0 + $1.fileByteCount } }
  private var elementCount: Int {
    checkpoint.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }
  private var groups: [TensorGroup] {
    TensorGroup.groups(
      checkpoint.tensors.lazy.map { ($0.name, $0.dtype.rawValue, $0.shape, $0.byteCount) })
  }
  private var shares: [DTypeShare] {
    DTypeShare.shares(checkpoint.tensors.lazy.map { ($0.dtype.rawValue, $0.byteCount) })
  }

  /// A member of the config, or of the text model's part of it.
  private func setting(_ key: String) -> JSON? {
    let config = checkpoint.config
    return config?[key] ?? config?["text_config"]?[key]
  }

  /// Where the tensor's first element lies in its file.
  private func offset(of tensor: BaseTensor) -> Int64 {
    let run = tensor.fileOffset..<(tensor.fileOffset + tensor.byteCount)
    return checkpoint.shards[tensor.shard].views.span(run).lowerBound
  }

  private var architectures: [String] {
    (checkpoint.config?["architectures"]?.elements ?? []).compactMap(\.text)
  }

  /// How many weights there are of each quantised format.
  private var forms: [(title: String, count: Int)] {
    var counts: [String: Int] = [:]
    for weight in checkpoint.quantized.weights { counts[weight.title, default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  // MARK: Text

  var text: String {
    var facts = Facts()
    facts.add("checkpoint", checkpoint.path)
    let files = Amount.count(checkpoint.shards.count, "file")
    facts.add("shards", "\(files), \(Amount.bytes(fileByteCount))")
    let tensors = Amount.count(checkpoint.tensors.count, "tensor")
    facts.add("tensors", "\(tensors), \(Amount.count(elementCount, "element"))")
    DTypeShare.add(shares, to: &facts)
    if let model = setting("model_type")?.text {
      let names = architectures.isEmpty ? "" : " (\(architectures.joined(separator: ", ")))"
      facts.add("model", model + names)
    }
    if let tied = setting("tie_word_embeddings")?.bool {
      facts.add("embeddings", tied ? "tied" : "not tied")
    }
    if let method = checkpoint.quantization { facts.add("quantised", method) }
    for (title, count) in forms {
      facts.add("quantised", "\(title), \(Amount.count(count, "weight"))")
    }
    if let fault = checkpoint.quantized.refusal { facts.add("quantised", fault.sentence) }
    if let manifest = checkpoint.manifest { Provenance(manifest).add(to: &facts) }
    return facts.text + "\n" + table.text()
  }

  private var table: Table {
    guard listsTensors else { return TensorGroup.table(groups) }
    var table = Table(
      .text("dtype"), .text("shape"), .number("bytes"), .text("shard"), .number("offset"),
      .text("tensor"))
    for tensor in checkpoint.tensors {
      table.add(
        tensor.dtype.rawValue, Shape.text(tensor.shape), Amount.bytes(tensor.byteCount),
        checkpoint.shardNames[tensor.shard], String(offset(of: tensor)), tensor.name)
    }
    return table
  }

  // MARK: JSON

  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "checkpoint")
      writer.member("path", checkpoint.path)
      writer.member("shards", .array(checkpoint.shardNames.map { .string($0) }))
      writer.member("fileByteCount", fileByteCount)
      writer.member("tensorCount", checkpoint.tensors.count)
      writer.member("elementCount", elementCount)
      DTypeShare.write(shares, &writer)
      writer.member("modelType", setting("model_type") ?? .null)
      writer.member("architectures", .array(architectures.map { .string($0) }))
      writer.member("tiedEmbeddings", setting("tie_word_embeddings") ?? .null)
      writer.member("quantization", checkpoint.quantization.map { .string($0) } ?? .null)
      writer.key("quantizedWeights")
      writer.object { writer in
        for (title, count) in forms { writer.member(title, count) }
      }
      writer.member(
        "merge", checkpoint.manifest.map { Provenance($0).json } ?? .null)
      writer.key("groups")
      TensorGroup.write(groups, &writer)
      if listsTensors {
        writer.key("tensors")
        writer.array { writer in
          for tensor in checkpoint.tensors { writer.object { write(tensor, &$0) } }
        }
      }
    }
    return writer.text + "\n"
  }

  private func write(_ tensor: BaseTensor, _ writer: inout JSONWriter) {
    writer.member("name", tensor.name)
    writer.member("dtype", tensor.dtype.rawValue)
    writer.member("shape", Shape.json(tensor.shape))
    writer.member("shard", checkpoint.shardNames[tensor.shard])
    writer.member("offset", offset(of: tensor))
    writer.member("byteCount", tensor.byteCount)
  }
}

/// Names and values in two columns, above a table.
struct Facts {
  private var rows: [(name: String, value: String)] = []

  mutating func add(_ name: String, _ value: String) {
    rows.append((name.harmless, value.harmless))
  }

  /// A name that comes several times in a row stands once.
  var text: String {
    let width = (rows.map(\.name.count).max() ?? 0) + 2
    var text = ""
    var previous: String?
    for row in rows {
      text += (row.name == previous ? "" : row.name).padded(to: width) + row.value + "\n"
      previous = row.name
    }
    return text
  }
}
