// Flags that several commands have, each declared once.

import Planning
import Storage

/// `--memory-limit`, wherever it stands.
enum MemoryLimit {
  /// Where nothing is said and nothing is short.
  static let usual: Int64 = 256_000_000

  /// What the smallest buffers of a worker take.
  static func least(threads: Int?) -> Int64 {
    TileBudget(memoryByteCount: 0, threads: threads ?? 1).peakByteCount
  }

  /// Bytes of a worker: as told, or as many as fit where nothing is said.
  static func own(
    _ given: Int64?, threads: Int, _ share: HostShare
  ) throws(CommandError) -> Int64 {
    guard given == nil, let memory = share.memoryByteCount else { return given ?? usual }
    let least = least(threads: threads)
    guard memory >= least else { throw shortage(memory, needed: least) }
    return min(usual, memory)
  }

  /// Too little for what has to run at once.
  static func shortage(_ memory: Int64, needed: Int64) -> CommandError {
    .refused(
      "the control group of this process has \(Amount.bytes(memory)) of memory, but the least that "
        + "works is \(Amount.bytes(needed)); give it more, or --memory-limit to go beyond it")
  }

  /// Refuses a limit that the smallest buffers would not fit.
  static func check(_ byteCount: Int64?, threads: Int?) throws(UsageError) {
    let smallest = least(threads: threads)
    guard let byteCount, byteCount < smallest else { return }
    throw .tooLittleMemory(flag: "--memory-limit", found: byteCount, needed: smallest)
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

  static func memoryLimit(_ path: Place<Flags, Int64?>, _ what: String) -> Flag {
    .value(
      "--memory-limit", .orAuto(.byteCount), path,
      what + "; auto is 256MB, less where its control group has less.")
  }

  static func ioLimit(_ path: Place<Flags, Int64?>, _ what: String) -> Flag {
    .optional(
      "--io-limit", .rate, path,
      what + ", such as 500MB/s, so that others get along; without it as fast as it goes.")
  }
}
