// What the command line says of single modules, as the adapter's own paths name them. A parameter
// of `target_parameters` is a module of its own here: the path of its module, then its name.
import Adapters

extension AdapterResolver {
  /// How strongly a module's update counts.
  func strength(of path: String) -> ModuleStrength {
    selection.strength(of: path, adapter: index, adapterStrength)
  }

  func isExcluded(_ path: String) -> Bool {
    selection.exclusion(of: path, adapter: index) != nil
  }

  /// What must be found in the base. Modules that are left out may be missing there, unless it
  /// takes all of them to read the others.
  var named: NamedParts {
    if selection.isEmpty {
      return NamedParts(
        modules: adapter.modules, families: adapter.families, wholeTensors: adapter.wholeTensors,
        tokenRows: adapter.tokenRows)
    }
    let needsAll =
      !adapter.config.targetParameters.isEmpty
      || adapter.families.contains { $0.updates.contains(where: \.needsLargest) }
    func isNamed(_ path: String) -> Bool { needsAll || !isExcluded(path) }
    return NamedParts(
      modules: adapter.modules.filter { isNamed($0.path) },
      families: adapter.families.filter { isNamed($0.path) },
      wholeTensors: adapter.wholeTensors.filter { isNamed($0.module) },
      tokenRows: adapter.tokenRows.filter { isNamed($0.module) })
  }

  /// Parts of an adapter whose names are looked up.
  struct NamedParts {
    var modules: [AdapterModule]
    var families: [FamilyUpdates]
    var wholeTensors: [WholeTensor]
    var tokenRows: [TokenRows]
  }

  /// Every module with the tensors that it reads.
  func modules(
    _ stacked: [StackedModule], _ plain: [AdapterModule]
  ) -> [(path: String, tensors: [String])] {
    var modules: [(path: String, tensors: [String])] = []
    modules += adapter.wholeTensors.map { ($0.module, [$0.tensor.name]) }
    modules += plain.map { ($0.path, $0.tensorNames) }
    for group in stacked {
      modules += zip(group.parameters, group.modules).map { (group.path(of: $0), $1.tensorNames) }
    }
    modules += adapter.families.map { ($0.path, $0.tensorNames) }
    return modules + adapter.tokenRows.map { ($0.module, [$0.tensor.name]) }
  }

  /// The tensors that are left out, each once and with its reason. What a module that stays reads
  /// as well is not among them.
  func leftOut(_ modules: [(path: String, tensors: [String])]) -> [String] {
    if selection.isEmpty { return [] }
    var seen = Set(modules.filter { !isExcluded($0.path) }.flatMap(\.tensors))
    var leftOut: [String] = []
    for (path, tensors) in modules {
      guard let reason = selection.exclusion(of: path, adapter: index) else { continue }
      for name in tensors where seen.insert(name).inserted { leftOut.append("\(name): \(reason)") }
    }
    return leftOut
  }

  /// Refuses rules that treat the two modules of one trained pair differently.
  func checkAlike(_ first: String, _ second: String) throws(PlanningError) {
    guard isExcluded(first) == isExcluded(second),
      strength(of: first).value == strength(of: second).value
    else { throw .tiedApart(adapter: adapter.path, first: first, second: second) }
  }
}
