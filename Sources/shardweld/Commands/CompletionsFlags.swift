// `shardweld completions`: scripts for shells, made from the declarations.

/// What `completions` was asked to print.
struct CompletionsFlags: CommandFlags, Equatable {
  var shell = Shell.bash

  static let declaration = Declaration<CompletionsFlags>(
    "completions", summary: "print completions for bash, zsh or fish",
    purpose: "Prints a script by which a shell completes commands, flags and their values.",
    arguments: [Argument("SHELL", .choice(Shell.self), \.shell, "One of bash, zsh and fish.")],
    groups: [],
    examples: [
      .init(
        lines: ["completions bash > /etc/bash_completion.d/shardweld"],
        meaning: "For bash."),
      .init(
        lines: ["completions zsh > ~/.zfunc/_shardweld"],
        meaning: "For zsh, where ~/.zfunc is in fpath."),
      .init(
        lines: ["completions fish > ~/.config/fish/completions/shardweld.fish"],
        meaning: "For fish."),
    ],
    exitCodes: [.done, .badInput])
}
