// Floats of four bits: value = float × scale of its group, where a scale of the whole tensor
// divides the group's or multiplies it. Products of MXFP4 are exact. Sources: OpenAI gpt-oss
// `weights.py`, compressed-tensors `nvfp4`, ModelOpt `nvfp4_tensor.py`.
import Planning
import Safetensors

struct FourBitFloatsDecoder: Decoder {
  private let columns: Int
  private let group: Int
  private let divides: Bool
  private let scaleIsFloat: Bool
  private let codes: TensorBytes
  private let scale: TensorBytes
  private let global: TensorBytes?

  private var groups: Int { (columns + group - 1) / group }

  init?(_ stored: StoredWeight) {
    guard let group = stored.int("group"), group % 2 == 0, stored.columns % 2 == 0,
      let codes = stored.operands["codes"]?.tensor,
      codes.byteCount == Int64(stored.elementCount / 2),
      let scale = stored.operand(
        "scale", [.u8, .f8E8M0, .f8E4M3],
        count: stored.allRows * ((stored.columns + group - 1) / group))
    else { return nil }
    columns = stored.columns
    self.group = group
    self.codes = codes
    self.scale = scale
    divides = stored.flag("divides")
    scaleIsFloat = stored.flag("scaleIsFloat")
    global = stored.operand("global", [.f32], count: 1)
    if stored.operands["global"] != nil, global == nil { return nil }
  }

  func decode(
    _ window: Window, _ reader: OperandReader, to values: inout [Float]
  ) throws(MergingError) {
    let span = window.columns.parts(of: 2)
    let bytes = try reader.rows(codes, window.rows, bytes: span, stride: columns / 2)
    let groups = window.columns.parts(of: group)
    let scales = try scales(window.rows, groups, reader)
    let width = window.columns.count
    unsafe window.fill(&values, from: bytes) { bytes, values in
      for row in 0..<window.rows.count {
        let line = unsafe bytes + row * span.count
        let room = unsafe values + row * width
        for at in groups {
          let run = window.columns.members(of: at, size: group)
          unsafe Self.pairs.write(
            line, from: run.lowerBound - span.lowerBound * 2, count: run.count,
            by: scales[row * groups.count + at - groups.lowerBound],
            to: room + run.lowerBound - window.columns.lowerBound)
        }
      }
    }
  }

  private static let pairs = NibblePairs(SmallFloat.e2m1, .lowFirst)

  private func scales(
    _ rows: Range<Int>, _ groups: Range<Int>, _ reader: OperandReader
  ) throws(MergingError) -> [Float] {
    var own: [Float]
    if scaleIsFloat {
      own = try reader.rows(scale, rows, bytes: groups, stride: self.groups).map {
        SmallFloat.e4m3[Int($0)]
      }
    } else {
      own = try reader.numbers(scale, rows, groups, width: self.groups)
    }
    guard let global else { return own }
    let whole = try reader.numbers(global, 0..<1)[0]
    for place in own.indices { own[place] = divides ? own[place] / whole : own[place] * whole }
    return own
  }
}
