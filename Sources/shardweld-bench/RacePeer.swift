// Other ways to merge, raced where Python has what they need. Each is a script of Tests/Oracle that
// takes BASE ADAPTER OUTPUT.
import OrderedJSON
import Storage

enum RacePeer: String, CaseIterable {
  case plainLoop = "plain loop"
  case tunedLoop = "tuned loop, 2 processes"
  case peft = "PEFT"
  case mergekit = "mergekit"

  var script: String {
    switch self {
    case .plainLoop: "plain_loop.py"
    case .tunedLoop: "tuned_loop.py"
    case .peft: "peft_merge.py"
    case .mergekit: "mergekit_merge.py"
    }
  }

  /// Python packages that it cannot do without.
  var packages: [String] {
    switch self {
    case .plainLoop: ["torch", "safetensors"]
    case .tunedLoop: ["torch", "numpy"]
    case .peft: ["torch", "transformers", "peft"]
    case .mergekit: ["mergekit"]
    }
  }

  static var allPackages: [String] { Set(allCases.flatMap(\.packages)).sorted() }

  /// The line that says which versions take part, or why none does.
  func line(_ versions: [String: String]) -> String {
    let missing = missing(versions)
    guard missing.isEmpty else {
      return "\(rawValue): left out, because the Python has no \(missing.joined(separator: ", ")); "
        + "install or set PYTHON"
    }
    return "\(rawValue): "
      + packages.map { "\($0) \(versions[$0] ?? "")" }.joined(separator: ", ")
  }

  /// The packages that are not there.
  func missing(_ versions: [String: String]) -> [String] {
    packages.filter { versions[$0] == nil }
  }

  /// Versions of the packages that a Python has; none where there is no such Python.
  static func versions(_ python: String, log: String) throws -> [String: String] {
    let program = """
      import importlib.metadata as m, json, sys
      print(json.dumps({n: m.version(n) for n in sys.argv[1:] if list(m.distributions(name=n))}))
      """
    do {
      _ = try ChildProcess.run([python, "-c", program] + allPackages, log: log)
    } catch is ChildProcess.Failed { return [:] }
    let found = try JSON(parsing: WholeFile.read(log)).members ?? []
    return found.reduce(into: [:]) { $0[$1.key] = $1.value.text }
  }
}
