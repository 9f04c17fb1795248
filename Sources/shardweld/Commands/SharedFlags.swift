// Flags that several commands have, each declared once.

import Planning

/// `--memory-limit`, wherever it stands.
enum MemoryLimit {
  /// Refuses a limit that the smallest buffers would not fit.
  static func check(_ byteCount: Int64, threads: Int?) throws(UsageError) {
    let smallest = TileBudget(memoryByteCount: 0, threads: threads ?? 1).peakByteCount
    guard byteCount >= smallest else {
      throw .tooLittleMemory(flag: "--memory-limit", found: byteCount, needed: smallest)
    }
  }
}

extension Flag where Flags: CommandFlags {
  static func progress(_ path: Place<Flags, ProgressMode>) -> Flag {
    .value(
      "--progress", .choice(ProgressMode.self), path,
      "Form of the progress on standard error; auto is a bar on a terminal, else plain lines.")
  }

  static func logLevel(_ path: Place<Flags, LogLevel>) -> Flag {
    .value("--log-level", .choice(LogLevel.self), path, "How much to log on standard error.")
  }

  static func json(_ path: Place<Flags, Bool>) -> Flag {
    .toggle("--json", path, "Print the result as JSON.")
  }

  /// `what` says whose threads they are and what `auto` is.
  static func threads(_ path: Place<Flags, Int?>, _ what: String) -> Flag {
    .value("--threads", .orAuto(.count(1...1024)), path, what)
  }

  static func memoryLimit(_ path: Place<Flags, Int64>, _ what: String) -> Flag {
    .value("--memory-limit", .byteCount, path, what)
  }
}
