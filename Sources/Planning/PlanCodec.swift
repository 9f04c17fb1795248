// plan.json: valid JSON with one job a line, so that a job is cut out as a range of bytes and read
// without the rest. The head is for the coordinator, a line for a worker; what a job needs of the
// head (options, the inputs it reads) stands in its line again.
//
//   {"plan":1,"contract":"f32-once",
//   "base":"/models/base",
//   "options":{"layout":"layers","maxShardByteCount":null,"dtype":"keep",…},
//   "adapters":[{"path":"/a","strength":1.0,"kind":"LORA","configDigest":"xxh3:…"}],
//   "inputs":[{"role":-1,"path":"/models/base/model.safetensors","name":…,"byteCount":…,…}],
//   "hasIndex":true,"configChanges":[[["torch_dtype"],"\"float16\""]],"setAside":[],"warnings":[],
//   "jobs":[
//   {"plan":1,"job":0,"shard":"model-00001-of-00002.safetensors","headerByteCount":…,"byteCount":…,
//    "options":{…},"inputs":[{"index":0,"role":-1,…}],"recipes":[
//     {"name":"a.weight","dtype":"BF16","shape":[8,4],"columns":4,"offset":0,
//      "source":[0,1024,"BF16",32],"updates":[{"rows":[0,8],"cols":[0,4],"adapter":0,
//       "tensors":["…lora_A.weight"],"origin":"alpha 16 / r 8","rule":"lowRank",
//       "left":[1,96,"F32",8,1],"right":[1,352,"F32",4,1],"rank":8,"scale":2.0}]}]},
//   …
//   ]}
//
// The options hold `"accumulate":"f64"` where that is asked for, and the contract is then f64-once.
// They end in `scale`, `only` and `except`, lists of texts, where such rules are given.
// An input ends in `views` where tensors have no run of bytes in it: [offset of the run behind the
// file, start in the file, bytes of an element, extent, stride, extent, stride, …].
// A quantised weight's recipe has `"decoding":{"form":"nibbles","title":…,"dtype":"BF16",
// "operands":{"codes":[file,offset,dtype,elements,extents…],…},"numbers":{…},"transposed":false}`
// behind its source; one that is quantised again has `"encoding":{"form":"float8","part":"codes",
// "shape":[8,4],"dtype":"BF16","scaleDtype":"F32","numbers":{…}}` behind that.
// A file that is no safetensors has `"prelude":{"digest":"xxh3:…","alignment":32,
// "pieces":["474755…",[0,24,4096],…,7]}` behind its byteCount: bytes in hexadecimal,
// [file, offset, byteCount], or a number of zeros.
// `source` is [file, offset, dtype, elements]; `left` is [file, offset, dtype,
// row stride, column stride], with the rows of a head behind where its halves alternate; a role is
// an adapter's index or -1 for the base. Doubles are the shortest text that reads back to the same
// bits.
package import OrderedJSON
package import Storage

/// A plan as text, its identity and where its jobs lie.
package struct EncodedPlan: Equatable, Sendable {
  package var bytes: [UInt8]
  /// XXH3-128 of `bytes`: the plan's identity.
  package var digest: Digest
  /// One per job, in order.
  package var slices: [PlanSlice]

  package init(bytes: [UInt8], digest: Digest, slices: [PlanSlice]) {
    self.bytes = bytes
    self.digest = digest
    self.slices = slices
  }

  /// One job as a worker would read it from plan.json.
  package func slice(_ job: Int) throws(PlanError) -> JobSlice {
    let slice = slices[job]
    let start = Int(slice.offset)
    return try PlanCodec.decodeSlice(Array(bytes[start..<start + Int(slice.byteCount)]))
  }
}

/// Turns plans into text and back.
package enum PlanCodec {
  /// Version of the text: raised when a reader of the old one would go wrong.
  static let format = 1

  /// The plan's text. The same plan gives the same bytes.
  package static func encode(_ plan: MergePlan) -> EncodedPlan {
    let contract = plan.options.accumulation.contract
    var bytes = Array("{\"plan\":\(format),\"contract\":\"\(contract)\"".utf8)
    func member(_ key: String, _ value: (inout JSONWriter) -> Void) {
      bytes.append(contentsOf: ",\n\"\(key)\":".utf8)
      var writer = JSONWriter(indent: nil)
      value(&writer)
      bytes.append(contentsOf: writer.bytes)
    }
    member("base") { $0.string(plan.basePath) }
    member("options") { write(plan.options, to: &$0) }
    member("adapters") { writer in
      writer.array { writer in for adapter in plan.adapters { write(adapter, to: &writer) } }
    }
    member("inputs") { writer in
      writer.array { writer in
        for input in plan.inputs { write(input, index: nil, to: &writer) }
      }
    }
    member("hasIndex") { $0.value(.bool(plan.hasIndex)) }
    member("configChanges") { writer in
      writer.value(
        .array(
          plan.configChanges.map {
            .array([.array($0.path.map(JSON.string)), $0.value.map(JSON.string) ?? .null])
          }))
    }
    member("setAside") { $0.value(.array(plan.setAside.map(JSON.string))) }
    member("warnings") { $0.value(.array(plan.warnings.map(JSON.string))) }

    // Room for all, of which only what is written takes memory: growing would take it twice.
    bytes.reserveCapacity(bytes.count + 1024 * plan.jobs.reduce(0) { $0 + $1.recipes.count })
    bytes.append(contentsOf: ",\n\"jobs\":[".utf8)
    var slices: [PlanSlice] = []
    for job in plan.jobs {
      bytes.append(contentsOf: (slices.isEmpty ? "\n" : ",\n").utf8)
      let line = slice(job, of: plan)
      slices.append(
        PlanSlice(
          offset: Int64(bytes.count), byteCount: Int64(line.count),
          digest: Digest.xxh3(line).description))
      bytes.append(contentsOf: line)
    }
    bytes.append(contentsOf: "\n]}\n".utf8)
    return EncodedPlan(bytes: bytes, digest: Digest.xxh3(bytes), slices: slices)
  }

  /// The line of one job, its recipes counting in the inputs it reads alone.
  private static func slice(_ job: MergeJob, of plan: MergePlan) -> [UInt8] {
    // Position in the line's inputs by position in the plan's; by first use, so that it is small
    // where the job reads little.
    var local: [Int: Int] = [:]
    var used: [Int] = []
    for file in job.files where local[file] == nil {
      local[file] = used.count
      used.append(file)
    }
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("plan", format)
      writer.member("job", job.id)
      writer.member("shard", job.shardName)
      writer.member("headerByteCount", job.headerByteCount)
      writer.member("byteCount", job.byteCount)
      if var prelude = job.prelude {
        prelude.renumber { local[$0]! }
        write(prelude, to: &writer)
      }
      writer.key("options")
      write(plan.options, to: &writer)
      writer.key("inputs")
      writer.array { writer in
        for file in used { write(plan.inputs[file], index: file, to: &writer) }
      }
      writer.key("recipes")
      writer.array { writer in
        for recipe in job.recipes { write(recipe, files: local, to: &writer) }
      }
    }
    return writer.bytes
  }

  // MARK: The head's parts

  /// Writes the options as one object; the manifest holds the same.
  package static func write(_ options: MergeOptions, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("layout", options.layout.rawValue)
      writer.member("maxShardByteCount", options.maxShardByteCount.map(JSON.integer) ?? .null)
      writer.member("dtype", options.dtype.rawValue)
      writer.member("digest", options.digest)
      if options.accumulation != .f32 {
        writer.member("accumulate", options.accumulation.rawValue)
      }
      writer.member("nonFinite", options.nonFinite.rawValue)
      if options.dequantize != .auto {
        writer.member("dequantize", options.dequantize.rawValue)
      }
      if options.requantize != .none {
        writer.member("requantize", options.requantize.rawValue)
        writer.member("lostUpdates", options.lostUpdates.rawValue)
      }
      writer.key("combine")
      writer.object { writer in
        writer.member("method", options.combination.method.rawValue)
        writer.member("density", number(options.combination.density))
        writer.member("rank", options.combination.rank)
        writer.member("seed", options.combination.seed)
      }
      for (flag, rules) in options.selection.texts {
        writer.member(String(flag.dropFirst(2)), .array(rules.map(JSON.string)))
      }
    }
  }

  private static func write(_ adapter: PlannedAdapter, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("path", adapter.path)
      writer.member("strength", number(adapter.strength))
      writer.member("kind", adapter.kind)
      writer.member("configDigest", adapter.configDigest)
    }
  }

  private static func write(_ input: InputFile, index: Int?, to writer: inout JSONWriter) {
    writer.object { writer in
      if let index { writer.member("index", index) }
      switch input.role {
      case .base: writer.member("role", -1)
      case .adapter(let adapter): writer.member("role", adapter)
      }
      writer.member("path", input.path)
      writer.member("name", input.name)
      writer.member("byteCount", input.byteCount)
      writer.member("modified", input.modified)
      writer.member("headerDigest", input.headerDigest)
      if !input.views.isEmpty {
        writer.key("views")
        writer.array { writer in for view in input.views { write(view, to: &writer) } }
      }
    }
  }

  private static func write(_ view: StridedView, to writer: inout JSONWriter) {
    writer.array { writer in
      writer.integer(view.offset)
      writer.integer(view.start)
      writer.integer(view.elementByteCount)
      for (extent, stride) in zip(view.shape, view.strides) {
        writer.integer(extent)
        writer.integer(stride)
      }
    }
  }

  /// A double as JSON that reads back to the same bits. JSON has no infinities and no NaN, so those
  /// (which the arithmetic then reports) are texts.
  package static func number(_ value: Double) -> JSON {
    value.isFinite ? .number(value.description) : .string(value.description)
  }
}
