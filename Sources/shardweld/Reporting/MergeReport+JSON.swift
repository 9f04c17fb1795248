// The report for programs.
import OrderedJSON
import Planning
import Publishing
import Safetensors

extension MergeReport {
  var json: String {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("kind", "report")
      writer.member("output", output)
      writer.member("digest", manifest.outputDigest)
      writer.member("tensorCount", tensorCount)
      writer.member("changedCount", tensors.count)
      writer.member("takenCount", takenCount)
      writer.key("total")
      writer.object { Self.write(total, to: &$0) }
      writer.key("modules")
      writer.array { writer in
        for module in modules {
          writer.object { writer in
            writer.member("name", module.name)
            writer.member("module", module.group.module)
            writer.member("layer", .optional(module.group.layer))
            Self.write(module, to: &writer)
          }
        }
      }
      writer.key("tensors")
      writer.array { writer in
        for tensor in tensors {
          writer.object { writer in
            writer.member("name", tensor.name)
            writer.member("dtype", tensor.dtype.rawValue)
            writer.member("shape", Shape.json(tensor.shape))
            Self.write(tensor.statistics, to: &writer)
          }
        }
      }
      writer.key("flags")
      writer.array { writer in
        for suspicion in suspicions {
          writer.object { writer in
            writer.member("flag", suspicion.kind.rawValue)
            writer.member("name", suspicion.subject)
            writer.member("finding", suspicion.finding)
          }
        }
      }
    }
    return writer.text + "\n"
  }

  private static func write(_ module: Module, to writer: inout JSONWriter) {
    writer.member("tensorCount", module.tensorCount)
    writer.member("elementCount", module.elementCount)
    write(module.statistics, to: &writer)
  }

  private static func write(_ statistics: UpdateStatistics, to writer: inout JSONWriter) {
    writer.member("ratio", statistics.ratio.map { PlanCodec.number($0) } ?? .null)
    writer.member("lost", PlanCodec.number(statistics.lost))
    writer.key("statistics")
    statistics.write(to: &writer)
  }
}
