// Where in the base an adapter's module lies.
import Adapters
import Checkpoints
import Safetensors

/// One place for a pair of factors.
enum Place: CustomStringConvertible {
  /// A tensor of its own; for the head of a tied model it may not exist yet.
  case tensor(String)
  /// One expert's matrix inside a stacked tensor.
  case slice(tensor: String, expert: Int, part: Part)
  /// One expert's rows of a tensor that holds this matrix of all experts.
  case stacked(tensor: String, expert: Int)
  /// A stacked parameter whose experts lie in tensors of their own: for each part the names by
  /// expert, or again and again the one that stacks them.
  case experts(container: String, parts: [(part: Part, names: [String])])

  enum Part: String { case gate, up, down }

  var description: String {
    switch self {
    case .tensor(let name): name
    case .slice(let tensor, let expert, let part): "\(tensor)[\(expert)].\(part)"
    case .stacked(let tensor, let expert): "\(tensor)[\(expert)]"
    case .experts(let container, _): container
    }
  }
}

extension AdapterResolver {
  /// The weight of a module.
  func locate(_ path: String, _ naming: Naming) -> Place? {
    if let names {
      return names.place(of: path, base) ?? names.stem(of: path).flatMap { head($0.name) }
    }
    let mapped = naming.map(path)
    if let name = base.name(mapped, "weight") { return .tensor(name) }
    if let name = base.name(mapped, "in_proj_weight") { return .tensor(name) }
    return head(mapped) ?? locateSlice(mapped) ?? locateExpert(mapped).map(Place.tensor)
  }

  /// The output's weight, where it may have to be made.
  private func head(_ module: String) -> Place? {
    tie.flatMap { module + ".weight" == $0.head ? .tensor($0.head) : nil }
  }

  /// A parameter of a module: stacked, bare, or spread over one tensor per expert.
  func locate(_ path: String, _ parameter: String, _ naming: Naming) -> Place? {
    if let names { return names.place(of: path, parameter, base) }
    let mapped = naming.map(path)
    if let name = base.name(mapped, parameter) { return .tensor(name) }
    return locateExperts(mapped, parameter)
  }

  /// The tensor that a whole parameter replaces.
  func locate(_ whole: WholeTensor, _ naming: Naming) -> String? {
    let mapped = names?.stem(of: whole.module)?.name ?? naming.map(whole.module)
    if let name = base.name(mapped, whole.parameter) { return name }
    if let tie, mapped + "." + whole.parameter == tie.head { return tie.head }
    if whole.parameter == "weight", let name = locateExpert(mapped) { return name }
    // TensorFlow's names for a norm's parameters, kept by old BERT checkpoints.
    let legacy = ["weight": "gamma", "bias": "beta"]
    return legacy[whole.parameter].flatMap { base.name(mapped, $0) }
  }

  /// `…experts.7.gate_proj` where the base says `…experts.7.w1`.
  private func locateExpert(_ path: String) -> String? {
    var segments = path.split(separator: ".").map(String.init)
    guard segments.count >= 3, segments[segments.count - 3] == "experts",
      let names = Self.partNames.first(where: { $0.names[0] == segments.last })?.names
    else { return nil }
    segments[segments.count - 1] = names[1]
    return base.name(segments.joined(separator: "."), "weight")
  }

  /// `…experts.7.gate_proj` inside a stacked `…experts.gate_up_proj`.
  private func locateSlice(_ path: String) -> Place? {
    let segments = path.split(separator: ".").map(String.init)
    guard segments.count >= 3, segments[segments.count - 3] == "experts",
      let expert = Int(segments[segments.count - 2]),
      let part = Self.partNames.first(where: { $0.names.contains(segments.last!) })?.part
    else { return nil }
    let owner = segments.dropLast(2).joined(separator: ".")
    let parameter = part == .down ? "down_proj" : "gate_up_proj"
    guard let name = base.name(owner, parameter) else { return nil }
    return .slice(tensor: name, expert: expert, part: part)
  }

  /// One tensor per expert and part, for a stacked parameter of the runtime.
  private func locateExperts(_ path: String, _ parameter: String) -> Place? {
    let parts: [Place.Part]
    switch parameter {
    case "gate_up_proj": parts = [.gate, .up]
    case "up_proj": parts = [.up]
    case "down_proj": parts = [.down]
    default: return nil
    }
    let owners = [path] + base.containers.map { base.replacing("mlp", by: $0, in: path) }
    for owner in owners {
      for style in 0..<2 {
        let found = parts.map { part in
          (part: part, names: expertNames(owner, Self.names(of: part)[style]))
        }
        if found.allSatisfy({ !$0.names.isEmpty }) {
          return .experts(container: owner + "." + parameter, parts: found)
        }
      }
    }
    return nil
  }

  /// `OWNER.0.LEAF.weight`, `OWNER.1.LEAF.weight`, … as far as they go.
  private func expertNames(_ owner: String, _ leaf: String) -> [String] {
    var names: [String] = []
    while true {
      let name = "\(owner).\(names.count).\(leaf).weight"
      guard base.tensor(name) != nil else { return names }
      names.append(name)
    }
  }

  /// The two spellings of each part: Llama's and Mixtral's.
  private static let partNames: [(part: Place.Part, names: [String])] = [
    (.gate, ["gate_proj", "w1"]), (.up, ["up_proj", "w3"]), (.down, ["down_proj", "w2"]),
  ]

  private static func names(of part: Place.Part) -> [String] {
    partNames.first { $0.part == part }!.names
  }
}
