// Commands whose bodies are not joined up in this build.

enum StatusCommand {
  static func run(_ flags: StatusFlags) throws(CommandError) -> ExitCode {
    Pending.refuse("status")
  }
}

enum ExplainCommand {
  static func run(_ flags: ExplainFlags) throws(CommandError) -> ExitCode {
    Pending.refuse("explain")
  }
}

private enum Pending {
  static func refuse(_ command: String) -> ExitCode {
    Log().error("\(command) is not part of this build")
    return .failed
  }
}
