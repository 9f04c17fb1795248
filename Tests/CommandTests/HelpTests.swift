import Testing

@testable import shardweld

struct HelpTests {
  @Test(arguments: Command.allCases)
  func `a page fits 80 columns and names every flag`(command: Command) {
    let outline = command.outline
    let page = HelpText.page(outline)
    for line in page.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
      #expect(!line.hasSuffix(" "), "\(line)")
    }
    for flag in outline.flags { #expect(page.contains("  \(flag.usage)"), "\(flag.name)") }
    for argument in outline.arguments { #expect(page.contains("  \(argument.name) ")) }
    #expect(page.hasPrefix("Usage: shardweld \(command.rawValue)"))
    #expect(page.contains("-h, --help"))
    #expect(page.contains("Exit codes:\n  0   done\n"))
  }

  @Test(arguments: Command.allCases)
  func `a declaration is whole`(command: Command) {
    let outline = command.outline
    #expect(outline.name == command.rawValue)
    #expect((2...3).contains(outline.examples.count))
    let names = outline.flags.map(\.name)
    #expect(Set(names).count == names.count)
    for flag in outline.flags {
      #expect(flag.name.hasPrefix("--"))
      #expect(flag.meaning.hasSuffix("."), "\(flag.name)")
    }
    #expect(outline.exitCodes.contains(.done) && outline.exitCodes.contains(.badInput))
  }

  @Test(arguments: Command.allCases)
  func `every example is understood`(command: Command) throws {
    for example in command.outline.examples {
      let line = example.lines.joined(separator: " ")
      let words = line.split(separator: " ").map { String($0) }.prefix { $0 != ">" }
      let first = try #require(words.first.flatMap { Command(rawValue: $0) }, "\(line)")
      #expect(throws: Never.self) { try first.check(Array(words.dropFirst())) }
    }
  }

  @Test func `the overview lists every command and fits 80 columns`() {
    let text = HelpText.overview(Command.outlines)
    for command in Command.allCases { #expect(text.contains("\n  \(command.rawValue) ")) }
    for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test func `a short page reads as it should`() {
    #expect(
      HelpText.page(StatusFlags.declaration.outline) == """
        Usage: shardweld status OUTPUT [flags]

        Shows how far a merge is and who is at work, from the job's folder alone,
        whether a coordinator is running or not. Takes nothing from those at work and
        changes nothing.

        Arguments:
          OUTPUT                  The output that the merge was asked for, or its job's
                                  folder, OUTPUT.shardweld.

        Report:
          --json                  Print the result as JSON.

          -h, --help              Print this page.

        Examples:
          # Jobs done and left, workers, and the last events.
          shardweld status MERGED

          # The same for a program.
          shardweld status MERGED --json

        Exit codes:
          0   done
          1   failed: storage, workers, or a weight that is not finite
          2   bad usage or bad input; nothing is written

        """)
  }
}

extension Command {
  /// Parses the words as this command's.
  fileprivate func check(_ words: [String]) throws {
    switch self {
    case .merge: _ = try MergeFlags.declaration.parse(words)
    case .coordinator: _ = try CoordinatorFlags.declaration.parse(words)
    case .worker: _ = try WorkerFlags.declaration.parse(words)
    case .plan: _ = try PlanFlags.declaration.parse(words)
    case .verify: _ = try VerifyFlags.declaration.parse(words)
    case .report: _ = try ReportFlags.declaration.parse(words)
    case .status: _ = try StatusFlags.declaration.parse(words)
    case .explain: _ = try ExplainFlags.declaration.parse(words)
    case .inspect: _ = try InspectFlags.declaration.parse(words)
    case .diff: _ = try DiffFlags.declaration.parse(words)
    case .keygen: _ = try KeygenFlags.declaration.parse(words)
    case .completions: _ = try CompletionsFlags.declaration.parse(words)
    }
  }
}

struct CommandLineTests {
  @Test func `help and version are found`() throws {
    #expect(try CommandLineFace.choose(["--help"]) == .overview)
    #expect(try CommandLineFace.choose(["-h"]) == .overview)
    #expect(try CommandLineFace.choose(["help"]) == .overview)
    #expect(try CommandLineFace.choose(["help", "diff"]) == .help(.diff))
    #expect(try CommandLineFace.choose(["--version"]) == .version)
    #expect(try CommandLineFace.choose(["diff", "A", "B"]) == .run(.diff, ["A", "B"]))
  }

  @Test(
    arguments: [
      ([], "no command is given; say what to do, as in shardweld merge"),
      (["mrege"], "unknown command mrege; did you mean merge?"),
      (["train"], "unknown command train"),
      (["help", "stat"], "unknown command stat; did you mean status?"),
      (["help", "diff", "more"], "help has no place for \"more\""),
      (["--verzion"], "unknown flag --verzion; did you mean --version?"),
      (["-x"], "unknown flag -x"),
    ])
  func `a command that is not known is told in one sentence`(words: [String], sentence: String) {
    let error = #expect(throws: UsageError.self) { try CommandLineFace.choose(words) }
    #expect(error?.sentence == sentence)
  }

  @Test func `a bad command line ends with code 2 and a hint`() {
    let error = CommandError.usage(.unknownFlag("--x", nearest: nil), command: "merge")
    #expect(error.exitCode == .badInput)
    #expect(error.lines == ["shardweld: unknown flag --x", "See shardweld merge --help."])
    let bare = CommandError.usage(.noCommand, command: nil)
    #expect(bare.lines.last == "See shardweld --help.")
  }
}

struct CompletionsTests {
  @Test(arguments: Shell.allCases)
  func `completions contain every command, flag and word`(shell: Shell) {
    let script = shell.script(Command.outlines)
    for outline in Command.outlines {
      #expect(script.contains(outline.name))
      for flag in outline.flags {
        let name = shell == .fish ? "-l \(flag.name.dropFirst(2)) " : flag.name
        #expect(script.contains(name), "\(outline.name) \(flag.name)")
        guard case .words(let words) = flag.completion else { continue }
        #expect(script.contains(words.joined(separator: " ")), "\(outline.name) \(flag.name)")
      }
    }
    #expect(script.hasSuffix("\n"))
  }

  @Test func `quotes and brackets in meanings are escaped`() {
    let outline = CommandOutline(
      name: "c", summary: "a 'summary'", purpose: "", arguments: [],
      groups: [
        .init(title: "", flags: [FlagOutline(name: "--f", meaning: "One's [own]: a\\b.")])
      ], examples: [], exitCodes: [])
    #expect(Shell.zsh.script([outline]).contains(#"'--f[One'\''s \[own\]\: a\\b]'"#))
    #expect(Shell.fish.script([outline]).contains(#"-l f -d 'One\'s [own]: a\\b'"#))
    #expect(Shell.fish.script([outline]).contains(#"-a c -d 'a \'summary\''"#))
  }
}
