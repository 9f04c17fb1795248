// Completion scripts, made from the outlines: every command, flag and word that the parser knows.

/// The shells that completions are made for.
enum Shell: String, CaseIterable, Sendable { case bash, zsh, fish }

extension Shell {
  /// The completion script for some commands.
  func script(_ commands: [CommandOutline]) -> String {
    switch self {
    case .bash: BashScript.text(commands)
    case .zsh: ZshScript.text(commands)
    case .fish: FishScript.text(commands)
    }
  }

  /// A text in single quotes, as all three shells read it but fish, which wants `\'`.
  fileprivate static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
}

extension FlagOutline {
  /// The meaning as a shell shows it beside the flag.
  fileprivate var label: String { meaning.hasSuffix(".") ? String(meaning.dropLast()) : meaning }
}

private enum BashScript {
  static func text(_ commands: [CommandOutline]) -> String {
    let names = commands.map(\.name).joined(separator: " ")
    var lines = [
      "# bash completion for shardweld", "",
      "_shardweld() {",
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} IFS=$'\\n'",
      "  COMPREPLY=()",
      "  # --flag=value arrives as three words.",
      "  if [[ $cur == = ]]; then cur=",
      "  elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi",
      "  if (( COMP_CWORD == 1 )); then",
      "    _shardweld_words \(names) help --help --version",
      "    return", "  fi",
      "  case ${COMP_WORDS[1]} in",
      "  help) _shardweld_words \(names) ;;",
    ]
    for command in commands { lines += branch(command) }
    lines += [
      "  esac", "}", "",
      "_shardweld_words() {",
      "  COMPREPLY=($(compgen -W \"$(printf '%s\\n' \"$@\")\" -- \"$cur\"))", "}", "",
      "_shardweld_folders() {",
      "  compopt -o filenames 2> /dev/null", "  COMPREPLY=($(compgen -d -- \"$cur\"))", "}", "",
      "_shardweld_files() {",
      "  compopt -o filenames 2> /dev/null", "  COMPREPLY=($(compgen -f -- \"$cur\"))", "}", "",
      "complete -F _shardweld shardweld",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func branch(_ command: CommandOutline) -> [String] {
    var lines = ["  \(command.name))"]
    let valued = command.flags.filter { $0.placeholder != nil }
    if !valued.isEmpty {
      lines.append("    case $prev in")
      lines += valued.map { "    \($0.name)) \(action($0.completion)); return ;;" }
      lines.append("    esac")
    }
    let names = (command.flags.map(\.name) + ["--help"]).joined(separator: " ")
    lines.append("    if [[ $cur == -* ]]; then _shardweld_words \(names)")
    if let argument = command.arguments.first, argument.completion != .none {
      lines.append("    else \(action(argument.completion))")
    }
    return lines + ["    fi ;;"]
  }

  private static func action(_ completion: Completion) -> String {
    switch completion {
    case .none: ":"
    case .folders: "_shardweld_folders"
    case .files: "_shardweld_files"
    case .words(let words): "_shardweld_words " + words.joined(separator: " ")
    }
  }
}

private enum ZshScript {
  static func text(_ commands: [CommandOutline]) -> String {
    var lines = ["#compdef shardweld", "", "_shardweld() {", "  local -a commands", "  commands=("]
    for command in commands {
      lines.append("    " + Shell.quoted(command.name + ":" + escaped(command.summary)))
    }
    lines += [
      "    'help:print the help of a command'", "  )",
      "  if (( CURRENT == 2 )); then",
      "    if [[ $words[2] == -* ]]; then compadd -- --help --version",
      "    else _describe command commands; fi",
      "    return", "  fi",
      "  local command=$words[2]",
      "  shift words", "  (( CURRENT-- ))",
      "  case $command in",
      "  help) _describe command commands ;;",
    ]
    for command in commands {
      let specs =
        command.flags.map(spec) + ["(-h --help)'{-h,--help}'[print the help]"]
        + command.arguments.enumerated().map { index, argument in
          "\(index + 1):\(argument.name)" + action(argument.completion)
        }
      lines.append("  \(command.name)) _arguments -S \\")
      lines += specs.enumerated().map { index, spec in
        // The two spellings of help are one spec that the shell's braces make two of.
        let text = spec.hasPrefix("(-h") ? "'\(spec)'" : Shell.quoted(spec)
        return "    " + text + (index + 1 < specs.count ? " \\" : " ;;")
      }
    }
    lines += [
      "  esac", "}", "",
      "if [[ $funcstack[1] == _shardweld ]]; then _shardweld \"$@\"",
      "else compdef _shardweld shardweld; fi",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func spec(_ flag: FlagOutline) -> String {
    let lead = (flag.isRepeated ? "*" : "") + flag.name
    guard let placeholder = flag.placeholder else { return lead + "[\(escaped(flag.label))]" }
    return lead + "=[\(escaped(flag.label))]:\(escaped(placeholder))" + action(flag.completion)
  }

  private static func action(_ completion: Completion) -> String {
    switch completion {
    case .none: ": "
    case .folders: ":_files -/"
    case .files: ":_files"
    case .words(let words): ":(" + words.joined(separator: " ") + ")"
    }
  }

  private static func escaped(_ text: String) -> String {
    String(text.flatMap { ["[", "]", ":", "\\"].contains($0) ? ["\\", $0] : [$0] })
  }
}

private enum FishScript {
  static func text(_ commands: [CommandOutline]) -> String {
    var lines = ["# fish completion for shardweld", "complete -c shardweld -f"]
    let names = commands.map(\.name).joined(separator: " ")
    for command in commands {
      lines.append(
        "complete -c shardweld -n __fish_use_subcommand -a \(command.name)"
          + " -d \(quoted(command.summary))")
    }
    lines += [
      "complete -c shardweld -n __fish_use_subcommand -a help -d 'print the help of a command'",
      "complete -c shardweld -n __fish_use_subcommand -l version -d 'print the version'",
      "complete -c shardweld -n '__fish_seen_subcommand_from help' -a \(quoted(names))",
      "complete -c shardweld -s h -l help -d 'print the help'",
    ]
    for command in commands {
      let start = "complete -c shardweld -n '__fish_seen_subcommand_from \(command.name)'"
      for flag in command.flags {
        lines.append(
          "\(start) -l \(flag.name.dropFirst(2))"
            + (flag.placeholder == nil ? "" : value(flag.completion)) + " -d \(quoted(flag.label))")
      }
      if let argument = command.arguments.first {
        switch argument.completion {
        case .none: break
        case .files: lines.append("\(start) -F")
        case .folders: lines.append("\(start) -a '(__fish_complete_directories)'")
        case .words(let words): lines.append("\(start) -a \(quoted(words.joined(separator: " ")))")
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func value(_ completion: Completion) -> String {
    switch completion {
    case .none: " -x"
    case .files: " -r -F"
    case .folders: " -x -a '(__fish_complete_directories)'"
    case .words(let words): " -x -a \(quoted(words.joined(separator: " ")))"
    }
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] } + "'"
  }
}
