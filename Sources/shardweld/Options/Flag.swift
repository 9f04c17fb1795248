// A flag as declared: its outline, which help and completions are made from, and how it fills the
// struct of its command. One declaration serves all three, so they cannot differ.

/// What help and completions know of a flag.
struct FlagOutline: Equatable, Sendable {
  /// With its dashes.
  var name: String
  /// nil for a switch, which takes no value.
  var placeholder: String?
  var meaning: String
  var defaultText: String?
  var isRequired = false
  /// May stand more than once.
  var isRepeated = false
  var completion = Completion.none

  /// `--base DIR`, as it is typed.
  var usage: String { placeholder.map { "\(name) \($0)" } ?? name }
}

/// Where in a command's struct a value goes.
typealias Place<Flags, Value> = any WritableKeyPath<Flags, Value> & Sendable

/// A flag of a command whose flags are gathered in `Flags`.
struct Flag<Flags>: Sendable {
  var outline: FlagOutline
  /// Puts a value, or "" for a switch, in its place.
  var fill: @Sendable (String, inout Flags) throws(UsageError) -> Void

  /// A flag with a value; its default is what the struct starts with.
  static func value<V>(
    _ name: String, _ kind: ValueKind<V>, _ path: Place<Flags, V>,
    _ meaning: String
  ) -> Flag where Flags: CommandFlags {
    var flag = required(name, kind, path, meaning)
    flag.outline.isRequired = false
    flag.outline.defaultText = kind.write(Flags()[keyPath: path])
    return flag
  }

  /// A flag with a value and no default, nil where it is not given.
  static func optional<V>(
    _ name: String, _ kind: ValueKind<V>, _ path: Place<Flags, V?>,
    _ meaning: String
  ) -> Flag {
    var flag = required(name, ValueKind<V?>.optional(kind), path, meaning)
    flag.outline.isRequired = false
    return flag
  }

  /// A flag that the command cannot do without.
  static func required<V>(
    _ name: String, _ kind: ValueKind<V>, _ path: Place<Flags, V>,
    _ meaning: String
  ) -> Flag {
    let outline = FlagOutline(
      name: name, placeholder: kind.placeholder, meaning: meaning, isRequired: true,
      completion: kind.completion)
    return Flag(outline: outline) { text, flags throws(UsageError) in
      flags[keyPath: path] = try kind.read(text, name)
    }
  }

  /// A flag that may be given several times, in order.
  static func list<V>(
    _ name: String, _ kind: ValueKind<V>, _ path: Place<Flags, [V]>,
    required: Bool, _ meaning: String
  ) -> Flag {
    let outline = FlagOutline(
      name: name, placeholder: kind.placeholder, meaning: meaning, isRequired: required,
      isRepeated: true, completion: kind.completion)
    return Flag(outline: outline) { text, flags throws(UsageError) in
      flags[keyPath: path].append(try kind.read(text, name))
    }
  }

  /// A flag without a value, false where it is not given.
  static func toggle(
    _ name: String, _ path: Place<Flags, Bool>, _ meaning: String
  ) -> Flag {
    Flag(outline: FlagOutline(name: name, meaning: meaning)) { _, flags throws(UsageError) in
      flags[keyPath: path] = true
    }
  }
}

/// Flags under one heading of the help.
struct FlagGroup<Flags>: Sendable {
  var title: String
  var flags: [Flag<Flags>]

  init(_ title: String, _ flags: [Flag<Flags>]) {
    self.title = title
    self.flags = flags
  }

  /// The same group in a command whose struct holds this one's.
  func within<Outer>(_ path: Place<Outer, Flags>) -> FlagGroup<Outer> {
    FlagGroup<Outer>(
      title,
      flags.map { flag in
        Flag<Outer>(outline: flag.outline) { text, outer throws(UsageError) in
          try flag.fill(text, &outer[keyPath: path])
        }
      })
  }

  /// The group without some of its flags.
  func without(_ names: String...) -> FlagGroup {
    FlagGroup(title, flags.filter { !names.contains($0.outline.name) })
  }

  /// The group with one of its flags no longer asked for.
  func optional(_ name: String) -> FlagGroup {
    var group = self
    for i in group.flags.indices where group.flags[i].outline.name == name {
      group.flags[i].outline.isRequired = false
    }
    return group
  }
}

/// An argument without a flag, known by its place; every one declared must be given.
struct Argument<Flags>: Sendable {
  var outline: ArgumentOutline
  var fill: @Sendable (String, inout Flags) throws(UsageError) -> Void

  init<V>(
    _ name: String, _ kind: ValueKind<V>, _ path: Place<Flags, V>,
    _ meaning: String
  ) {
    outline = ArgumentOutline(name: name, meaning: meaning, completion: kind.completion)
    fill = { text, flags throws(UsageError) in flags[keyPath: path] = try kind.read(text, name) }
  }
}

/// What help and completions know of an argument.
struct ArgumentOutline: Equatable, Sendable {
  /// In capitals, e.g. `OUTPUT`.
  var name: String
  var meaning: String
  var completion: Completion
}
