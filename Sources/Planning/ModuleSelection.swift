// What the command line says of single modules: how strongly they count and which are left out.

/// The rules of `--scale`, `--only` and `--except`, in the order given.
package struct ModuleSelection: Equatable, Sendable {
  package var scales: [ModuleScale] = []
  package var only: [ModuleSelector] = []
  package var except: [ModuleSelector] = []

  package init() {}

  package var isEmpty: Bool { scales.isEmpty && only.isEmpty && except.isEmpty }

  /// Every rule by its flag, in the words of the command line; flags without a rule are not there.
  package var texts: [(flag: String, rules: [String])] {
    [
      ("--scale", scales.map(\.text)), ("--only", only.map(\.text)),
      ("--except", except.map(\.text)),
    ].filter { !$0.1.isEmpty }
  }

  /// Why a module of an adapter is left out; nil where it stays.
  func exclusion(of path: String, adapter: Int) -> String? {
    func matches(_ rule: ModuleSelector) -> Bool { rule.matches(path, adapter: adapter) }
    if let rule = except.first(where: matches) { return "excluded by --except \(rule.text)" }
    let own = only.filter { $0.adapter == nil || $0.adapter == adapter }
    if !own.isEmpty, !own.contains(where: matches) { return "excluded by --only" }
    let zero = scales.first { $0.factor == 0 && matches($0.selector) }
    return zero.map { "excluded by --scale \($0.text)" }
  }

  /// An adapter's strength times all factors that a module of it is given.
  func strength(of path: String, adapter: Int, _ strength: Double) -> ModuleStrength {
    var result = ModuleStrength(value: strength, note: "")
    for scale in scales where scale.selector.matches(path, adapter: adapter) {
      result.value *= scale.factor
      result.note += "; --scale \(scale.text)"
    }
    return result
  }

  /// Refuses a rule that says nothing about any of the modules, which are the adapters' own.
  func check(_ modules: [[String]]) throws(PlanningError) {
    let rules =
      scales.map { ("--scale \($0.text)", $0.selector) } + only.map { ("--only \($0.text)", $0) }
      + except.map { ("--except \($0.text)", $0) }
    for (text, selector) in rules {
      if let adapter = selector.adapter, adapter >= modules.count {
        throw .noSuchAdapter(rule: text, number: adapter + 1, count: modules.count)
      }
      let asked = selector.adapter.map { $0..<$0 + 1 } ?? modules.indices
      let isMet = asked.contains { index in
        modules[index].contains { selector.matches($0, adapter: index) }
      }
      if isMet { continue }
      let known = modules[asked].joined()
      let words = selector.text.drop { selector.adapter != nil && $0 != ":" }.drop { $0 == ":" }
      let nearest = Nearest.several(String(words), among: known, count: 3)
      throw .ruleWithoutModule(
        rule: text, adapter: selector.adapter.map { $0 + 1 }, nearest: nearest,
        modules: Array(known.prefix(3)))
    }
  }
}

/// How strongly one module's update counts.
struct ModuleStrength: Equatable {
  var value: Double
  /// What the command line said of the module, to be put behind an update's origin.
  var note: String
}
