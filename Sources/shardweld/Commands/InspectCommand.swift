enum InspectCommand {
  static func run(_ flags: InspectFlags) throws(CommandError) -> ExitCode { .failed }
}
enum DiffCommand {
  static func run(_ flags: DiffFlags) throws(CommandError) -> ExitCode { .failed }
}
enum KeygenCommand {
  static func run(_ flags: KeygenFlags) throws(CommandError) -> ExitCode { .failed }
}
