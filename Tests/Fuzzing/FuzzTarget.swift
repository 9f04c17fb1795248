// What is tormented: readers of bytes from outside. A target takes its input or refuses it with a
// sentence; a crash, an error without a sentence or a broken promise is what fuzzing looks for.
//
// libFuzzer feeds these targets (`Scripts/fuzz`), and so does a test, with all inputs that were kept:
// what was found once is never lost again.

/// A promise that an input broke.
package struct BrokenPromise: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// What a reader said of its input.
package enum Answer: Equatable {
  case taken
  /// With the sentence that a user would read.
  case refused(String)
}

/// A reader of bytes from outside.
package struct FuzzTarget {
  /// Also the name of its corpus.
  package let name: String
  /// Inputs that it takes, made by the writers of today, so that no change of a format lets them
  /// go stale.
  package let seeds: [[UInt8]]
  private let read: ([UInt8]) throws -> Answer

  init(_ name: String, _ seeds: [[UInt8]], _ read: @escaping ([UInt8]) throws -> Answer) {
    self.name = name
    self.seeds = seeds
    self.read = read
  }

  /// Gives the reader an input; any error is a finding.
  package func feed(_ bytes: [UInt8]) throws -> Answer {
    let answer = try read(bytes)
    if case .refused("") = answer { throw BrokenPromise("\(name): an error without a sentence") }
    return answer
  }

  private typealias Maker = @Sendable (FuzzPlace) throws -> FuzzTarget

  /// Makes each target by its name; some need files, which `place` keeps.
  private static let makers: [(name: String, make: Maker)] = [
    ("worker-message", { _ in workerMessage }),
    ("coordinator-message", { _ in coordinatorMessage }),
    ("json", { _ in json }),
    ("header", header),
    ("file", file),
    ("index", index),
    ("torch-file", torchFile),
    ("torch-pickle", torchPickle),
    ("gguf", gguf),
    ("adapter-config", adapterConfig),
    ("config-edit", configEdit),
    ("plan", plan),
    ("slice", slice),
    ("commit", { _ in commit }),
    ("attempt", { _ in attempt }),
    ("epoch", { _ in epoch }),
    ("journal", { _ in journal }),
    ("manifest", manifest),
    ("keys", keys),
    ("authorized-keys", authorizedKeys),
    ("command-line", { _ in commandLine }),
    ("planning", planning),
    ("merge", merge),
  ]

  /// All targets' names.
  package static var names: [String] { makers.map(\.name) }

  /// The target of a name, nil where there is none.
  package static func named(_ name: String, _ place: FuzzPlace) throws -> FuzzTarget? {
    try makers.first { $0.name == name }?.make(place)
  }
}
