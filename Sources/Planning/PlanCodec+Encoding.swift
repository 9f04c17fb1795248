// The way back into a quantised form, as the JSON described in PlanCodec.swift.
import OrderedJSON
import Safetensors

extension PlanCodec {
  static func readEncoding(_ reader: inout JSONReader) throws(PlanError) -> Encoding {
    var encoding = Encoding(
      form: "", part: .codes, shape: [], dtype: .bf16, scaleDType: .f32, numbers: [])
    var missing = RequiredMembers(["form", "part", "shape", "dtype", "scaleDtype", "numbers"])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "form": encoding.form = try reader.text()
      case "part": encoding.part = try reader.choice(key)
      case "shape": encoding.shape = try readIndices(&reader, key)
      case "dtype": encoding.dtype = try reader.choice(key)
      case "scaleDtype": encoding.scaleDType = try reader.choice(key)
      case "numbers":
        try reader.object { key, r throws(PlanError) in
          encoding.numbers.append((key, try r.double(key)))
        }
      default: throw .unknown(member: key)
      }
    }
    try missing.check()
    _ = try elementCount(of: encoding.shape, "shape")
    return encoding
  }
}
