// Steps for stacked expert parameters. The runtime holds one 3-D parameter P (experts, d1, d2); the
// disk holds it too, or one matrix per expert and part. Which way round the pair lies changed with
// PEFT's versions; shapes decide where they can, a sibling of the same adapter or the version where
// they cannot. Source: PEFT `tuners/lora/layer.py` ParamWrapper; transformers
// `conversion_mapping.py`.
import Adapters
import Checkpoints
import Safetensors

extension AdapterResolver {
  /// The steps of all pairs of one module.
  func steps(for group: StackedModule, _ naming: Naming) throws(PlanningError) -> [Step] {
    guard group.modules.count == group.parameters.count else {
      throw .parameterOrder(
        adapter: adapter.path, module: group.path, parameters: group.parameters,
        found: group.modules.count)
    }
    var steps: [Step] = []
    var stacks: [ExpertStack] = []
    for (parameter, module) in zip(group.parameters, group.modules) {
      guard let place = locate(group.path, parameter, naming) else { continue }
      let path = group.path(of: parameter)
      if case .tensor(let name) = place, base.tensor(name)!.shape.count == 2 {
        // A bare matrix, such as a router: an ordinary pair.
        let scale = try self.scale(of: module, parameters: 1, path: path)
        if !isExcluded(path) { steps.append(bareStep(module, name, scale, strength(of: path))) }
      } else {
        stacks.append(try stack(module, parameter, group.path, place))
      }
    }
    // A sibling that is left out still tells which way round the others lie.
    for stack in stacks where !isExcluded(group.path(of: stack.parameter)) {
      steps += try self.steps(for: stack, swapped: try isSwapped(stack, among: stacks))
    }
    return steps
  }

  /// A pair with the stacked parameter it belongs to.
  struct ExpertStack {
    var module: AdapterModule
    var path: String
    var parameter: String
    var place: Place
    var experts: Int
    /// The runtime parameter's dimensions after the expert.
    var d1: Int
    var d2: Int
    /// The disk keeps (d2, d1).
    var isTransposedOnDisk: Bool
  }

  private func stack(
    _ module: AdapterModule, _ parameter: String, _ path: String, _ place: Place
  ) throws(PlanningError) -> ExpertStack {
    var experts: Int
    var (d1, d2) = (0, 0)
    var isTransposedOnDisk = false
    switch place {
    case .tensor(let name):
      let shape = base.tensor(name)!.shape
      guard shape.count == 3 else {
        throw .shape(
          adapter: adapter.path, tensor: module.a.name, target: name, expected: shape,
          found: "a stack of experts has three dimensions")
      }
      experts = shape[0]
      isTransposedOnDisk = ["qwen3_vl_moe", "qwen3_vl_moe_text"].contains(base.modelType)
      (d1, d2) = isTransposedOnDisk ? (shape[2], shape[1]) : (shape[1], shape[2])
    case .experts(_, let parts):
      experts = parts[0].names.count
      for (part, names) in parts {
        for name in names {
          let shape = base.tensor(name)!.shape
          guard shape.count >= 2, names.count == experts,
            shape == base.tensor(parts[0].names[0])!.shape
          else {
            throw .expertCount(
              adapter: adapter.path, module: path, expected: experts,
              found: "\"\(name)\" (\(part.rawValue)) does not fit its siblings")
          }
        }
      }
      let shape = base.tensor(parts[0].names[0])!.shape.suffix(2)
      (d1, d2) = (shape.first! * parts.count, shape.last!)
    case .slice, .stacked:
      experts = 0
    }
    guard experts > 0, module.a.shape.count == 2, module.b.shape.count == 2,
      module.a.shape[0] % experts == 0
    else {
      throw .expertCount(
        adapter: adapter.path, module: path, expected: experts,
        found: "\"\(module.a.name)\" has shape \(module.a.shape)")
    }
    return ExpertStack(
      module: module, path: path, parameter: parameter, place: place, experts: experts, d1: d1,
      d2: d2, isTransposedOnDisk: isTransposedOnDisk)
  }

  /// True where B·A is the parameter's own orientation (d1, d2), false where it is its transpose.
  private func isSwapped(
    _ stack: ExpertStack, among siblings: [ExpertStack]
  ) throws(PlanningError) -> Bool {
    func byShape(_ stack: ExpertStack) throws(PlanningError) -> Bool? {
      let (p, q) = (stack.module.a.shape[1], stack.module.b.shape[0])
      let (fits, fitsTransposed) = ((q, p) == (stack.d1, stack.d2), (q, p) == (stack.d2, stack.d1))
      guard fits || fitsTransposed else {
        throw .shape(
          adapter: adapter.path, tensor: stack.module.a.name,
          target: stack.place.description, expected: [stack.experts, stack.d1, stack.d2],
          found: "A is \(stack.module.a.shape) and B is \(stack.module.b.shape)")
      }
      return fits == fitsTransposed ? nil : fits
    }
    if let decided = try byShape(stack) { return decided }
    for sibling in siblings {
      if let decided = try byShape(sibling) { return decided }
    }
    return isSwappedByVersion
  }

  /// PEFT 0.17 to 0.18 never swapped, 0.19.0 did for modules that store (in, out), and since 0.19.1
  /// it does for all others. A file that names no version is from before 0.18.
  private var isSwappedByVersion: Bool {
    let storesTransposed =
      ["gpt_oss", "aria", "aria_text", "openai_privacy_filter"].contains(base.modelType)
    let numbers = (adapter.config.peftVersion ?? "0").split(separator: "@")[0].split(separator: ".")
      .prefix(3).map { Int($0) ?? 0 }
    let version = numbers + Array(repeating: 0, count: 3 - numbers.count)
    if version.lexicographicallyPrecedes([0, 19, 0]) { return false }
    if version == [0, 19, 0] { return storesTransposed }
    return !storesTransposed
  }

  private func steps(
    for stack: ExpertStack, swapped: Bool
  ) throws(PlanningError) -> [Step] {
    let module = stack.module
    let path = stack.path + "." + stack.parameter
    let scale = try self.scale(of: module, parameters: stack.experts, path: path)
    let strength = self.strength(of: path)
    /// ΔP of one expert, (d1, d2).
    func product(_ expert: Int) -> LowRankProduct {
      let product = LowRankProduct.expert(
        expert, of: stack.experts, a: module.a, b: module.b,
        grouped: adapter.config.groupsExpertColumns)
      return swapped ? product : product.transposed
    }
    func update(_ product: LowRankProduct, _ window: Window) -> Update {
      Update(
        window: window, rule: .lowRank(lowRank(product, scale: scale.value * strength.value)),
        adapter: index, tensorNames: [module.a.name, module.b.name],
        origin: scale.origin)
    }
    switch stack.place {
    case .tensor(let name):
      return [
        Step(target: name) { draft throws(PlanningError) in
          for expert in 0..<stack.experts {
            let own = stack.isTransposedOnDisk ? product(expert).transposed : product(expert)
            let rows = expert * own.rows..<(expert + 1) * own.rows
            try draft.append(
              update(own, Window(rows: rows, columns: 0..<own.columns)), strength,
              by: self.adapter.path)
          }
        }
      ]
    case .experts(_, let parts):
      let height = stack.d1 / parts.count
      return parts.enumerated().flatMap { index, part in
        part.names.enumerated().map { expert, name in
          Step(target: name) { draft throws(PlanningError) in
            let own = product(expert).rows(index * height..<(index + 1) * height)
            // Its own rows, where one tensor stacks them all.
            let first = draft.shape.count > 2 ? expert * height : 0
            let window = Window(rows: first..<first + height, columns: 0..<own.columns)
            try draft.append(update(own, window), strength, by: self.adapter.path)
          }
        }
      }
    case .slice, .stacked: return []
    }
  }

  /// A bare matrix named by `target_parameters`: B·A as for a linear layer.
  private func bareStep(
    _ module: AdapterModule, _ name: String, _ scale: AdapterConfig.Scale,
    _ strength: ModuleStrength
  ) -> Step {
    Step(target: name) { draft throws(PlanningError) in
      let product = LowRankProduct(module)
      guard draft.shape == [product.rows, product.columns] else {
        throw .shape(
          adapter: self.adapter.path, tensor: module.a.name, target: name, expected: draft.shape,
          found: "A is \(module.a.shape) and B is \(module.b.shape)")
      }
      try draft.append(
        Update(
          window: draft.wholeWindow,
          rule: .lowRank(self.lowRank(product, scale: scale.value * strength.value)),
          adapter: self.index, tensorNames: [module.a.name, module.b.name],
          origin: scale.origin), strength, by: self.adapter.path)
    }
  }

  /// One expert's own linear pair on a stack: its rows, or its columns where the stack keeps
  /// (in, out). Gate comes before up.
  func sliceStep(
    _ module: AdapterModule, _ name: String, expert: Int, part: Place.Part,
    _ scale: AdapterConfig.Scale
  ) -> Step {
    let strength = self.strength(of: module.path)
    return Step(target: name) { draft throws(PlanningError) in
      let product = LowRankProduct(module)
      let parts = part == .down ? 1 : 2
      let position = part == .up ? 1 : 0
      let misfit = PlanningError.shape(
        adapter: self.adapter.path, tensor: module.a.name, target: name, expected: draft.shape,
        found: "A is \(module.a.shape) and B is \(module.b.shape), for expert \(expert)")
      guard self.base.modelType != "gpt_oss" || part == .down else {
        throw .interleaved(adapter: self.adapter.path, tensor: module.a.name, target: name)
      }
      guard draft.shape.count == 3, expert < draft.shape[0], module.magnitude == nil
      else { throw misfit }
      let (d1, d2) = (draft.shape[1], draft.shape[2])
      let own: LowRankProduct
      let window: Window
      let first = expert * d1
      if (d1, d2) == (product.rows * parts, product.columns),
        (d1, d2) != (product.columns, product.rows * parts)
      {
        own = product
        let start = first + position * product.rows
        window = Window(rows: start..<start + product.rows, columns: 0..<d2)
      } else if (d1, d2) == (product.columns, product.rows * parts),
        (d1, d2) != (product.rows * parts, product.columns)
      {
        own = product.transposed
        let start = position * product.rows
        window = Window(rows: first..<first + d1, columns: start..<start + product.rows)
      } else {
        throw misfit
      }
      try draft.append(
        Update(
          window: window, rule: .lowRank(self.lowRank(own, scale: scale.value * strength.value)),
          adapter: self.index, tensorNames: [module.a.name, module.b.name],
          origin: scale.origin), strength, by: self.adapter.path)
    }
  }
}
