// Help pages, made from the outlines; no line is longer than 80 columns.

enum HelpText {
  static let width = 80
  private static let meaningColumn = 26

  /// `shardweld COMMAND --help`.
  static func page(_ command: CommandOutline) -> String {
    var lines = usage(command) + [""]
    lines += wrapped(command.purpose, indent: 0)
    if !command.arguments.isEmpty {
      lines += ["", "Arguments:"]
      for argument in command.arguments { lines += entry(argument.name, argument.meaning) }
    }
    for group in command.groups {
      lines += ["", group.title + ":"]
      for flag in group.flags { lines += entry(flag.usage, meaning(flag)) }
    }
    lines += [""] + entry("-h, --help", "Print this page.") + ["", "Examples:"]
    for (index, example) in command.examples.enumerated() {
      if index > 0 { lines.append("") }
      lines += wrapped("# " + example.meaning, indent: 2)
      for (index, line) in example.lines.enumerated() {
        let isLast = index == example.lines.count - 1
        lines.append((index == 0 ? "  shardweld " : "    ") + line + (isLast ? "" : " \\"))
      }
    }
    lines += ["", "Exit codes:"]
    lines += command.exitCodes.map { "  \($0.rawValue)".padded(to: 6) + $0.meaning }
    return lines.joined(separator: "\n") + "\n"
  }

  /// `shardweld --help`.
  static func overview(_ commands: [CommandOutline]) -> String {
    var lines = ["Usage: shardweld COMMAND [flags]", ""]
    lines += wrapped(
      "Merges LoRA and other PEFT adapters into checkpoints of any size, in bounded memory, on one "
        + "machine or many. Any process may die at any moment: the same command goes on, and the "
        + "output is always the same bytes.", indent: 0)
    lines += ["", "Commands:"]
    for command in commands {
      lines.append("  " + command.name.padded(to: 14) + command.summary)
    }
    lines += [
      "", "A first merge:", "  shardweld merge --base BASE --adapter ADAPTER --output MERGED", "",
      "shardweld COMMAND --help tells all of one command; --version tells the version.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Parts

  /// The usage line: arguments and required flags by name, `[flags]` for the rest.
  private static func usage(_ command: CommandOutline) -> [String] {
    var words = command.arguments.map(\.name)
    for flag in command.flags where flag.isRequired {
      words.append(flag.usage)
      if flag.isRepeated { words.append("[\(flag.name) ...]") }
    }
    if command.flags.contains(where: { !$0.isRequired }) { words.append("[flags]") }
    let start = "Usage: shardweld \(command.name)"
    var lines = [start]
    for word in words {
      if lines[lines.count - 1].count + 1 + word.count > width {
        lines.append(String(repeating: " ", count: start.count) + " " + word)
      } else {
        lines[lines.count - 1] += " " + word
      }
    }
    return lines
  }

  private static func meaning(_ flag: FlagOutline) -> String {
    var text = flag.meaning
    if flag.isRepeated { text += " May be repeated." }
    if let value = flag.defaultText { text += " (default: \(value))" }
    return text
  }

  /// A name at the left and its meaning in the column beside it.
  private static func entry(_ name: String, _ meaning: String) -> [String] {
    var lines = wrapped(meaning, indent: meaningColumn)
    let label = "  " + name
    if label.count + 2 <= meaningColumn {
      lines[0] = label.padded(to: meaningColumn) + lines[0].dropFirst(meaningColumn)
    } else {
      lines.insert(label, at: 0)
    }
    return lines
  }

  /// The text in lines of at most 80 columns, each after `indent` spaces.
  static func wrapped(_ text: String, indent: Int) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = String(word)
      } else {
        line += (line.isEmpty ? "" : " ") + word
      }
    }
    return lines + [margin + line]
  }
}

extension String {
  /// The text with spaces after it up to a width in characters.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
