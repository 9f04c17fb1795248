/// `shardweld completions`.
enum CompletionsCommand {
  static func run(_ flags: CompletionsFlags) throws(CommandError) -> ExitCode {
    try CommandLineFace.show(flags.shell.script(Command.outlines))
  }
}
