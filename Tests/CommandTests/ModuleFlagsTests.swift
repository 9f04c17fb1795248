// The flags about single modules: --scale, --only and --except.
import Planning
import Testing

@testable import shardweld

struct ModuleFlagsTests {
  private let needed = ["--base", "B", "--adapter", "A", "--output", "O"]

  private func merge(_ words: [String]) throws -> MergeFlags {
    guard case .run(let flags) = try MergeFlags.declaration.parse(needed + words) else {
      throw UsageError.noCommand
    }
    return flags
  }

  @Test func `each may be repeated and becomes a part of the options`() throws {
    let flags = try merge([
      "--scale", "layers.0-15=0.5", "--only", "self_attn", "--scale=2:mlp=-1", "--except", "1:q*",
      "--only=mlp",
    ])
    let selection = flags.options.selection
    #expect(selection.scales.map(\.text) == ["layers.0-15=0.5", "2:mlp=-1.0"])
    #expect(selection.only.map(\.text) == ["self_attn", "mlp"])
    #expect(selection.except.map(\.text) == ["1:q*"])
    #expect(try merge([]).options.selection.isEmpty)
  }

  @Test(arguments: [
    (
      ["--scale", "mlp"],
      "flag --scale takes modules and a factor, such as layers.0-15=0.5 or 2:mlp=0.8, but \"mlp\" does not end in = and a number"
    ),
    (
      ["--only", "mlp,self_attn"],
      "flag --only takes modules, such as layers.0-15 or 2:mlp, but \"mlp,self_attn\" has \",\", which stands in no module's path"
    ),
    (
      ["--except="],
      "flag --except takes modules, such as layers.0-15 or 2:mlp, but \"\" has a part without a name"
    ),
    (["--only", "mlp", "self_attn"], "merge has no place for \"self_attn\""),
    (["--only"], "flag --only needs a value; write --only MODULES"),
    (
      ["--scale", "--only", "mlp"],
      "flag --scale needs a value, but --only follows; write --scale MODULES=FACTOR"
    ),
  ])
  func `what cannot be read is refused`(words: [String], sentence: String) {
    let error = #expect(throws: UsageError.self) { try merge(words) }
    #expect(error?.sentence == sentence)
  }

  @Test(arguments: [Command.merge, .plan, .coordinator])
  func `all three have them, in help and completions`(command: Command) {
    let flags = command.outline.flags.filter(\.isRepeated).map(\.usage)
    #expect(
      flags == [
        "--adapter DIR[=STRENGTH]", "--scale MODULES=FACTOR", "--only MODULES", "--except MODULES",
      ])
    for shell in Shell.allCases {
      let script = shell.script([command.outline])
      for name in ["scale", "only", "except"] { #expect(script.contains(name), "\(shell)") }
    }
  }
}
