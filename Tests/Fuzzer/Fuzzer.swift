// What libFuzzer calls; its own `main` does the rest. Built by `Scripts/fuzz` alone.
//
//   FUZZ_TARGET   the target's name; without it, all names are printed
//   FUZZ_SEEDS    a folder for the target's own inputs, written before libFuzzer reads its corpora
//   FUZZ_PRINT    a folder whose other files are printed as lines of the target's corpus
import CLinux
import Fuzzing
import Glibc
import Storage

/// More processor time than this for one input is a finding.
private let millisecondsMax: Int = 1000
/// More memory than this at any time is a finding.
private let memoryByteCountMax: Int64 = 512 << 20
/// Longer inputs are not kept, unless they are findings.
private let keptByteCountMax = 1500

// One thread alone calls: libFuzzer's main one.
nonisolated(unsafe) private var place: FuzzPlace?
nonisolated(unsafe) private var target: FuzzTarget?

/// Makes the target and does what the variables say.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
  _ count: UnsafeMutablePointer<CInt>, _ words: UnsafeMutableRawPointer
) -> CInt {
  useOwnStackForSignals()
  guard let name = variable("FUZZ_TARGET") else {
    for name in FuzzTarget.names { print(name) }
    exit(0)
  }
  do {
    let made = FuzzPlace()
    guard let found = try FuzzTarget.named(name, made) else { fatalError("no target \(name)") }
    if let folder = variable("FUZZ_SEEDS") { try writeInputs(of: found, to: folder) }
    if let folder = variable("FUZZ_PRINT") {
      try printInputs(folder)
      exit(0)
    }
    unsafe place = made
    unsafe target = found
  } catch { fatalError("no target: \(error)") }
  return 0
}

/// Feeds one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func feed(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  let before = milliseconds()
  do {
    _ = try unsafe target?.feed(bytes)
  } catch { fatalError("finding: \(error)") }
  let passed = milliseconds() - before
  guard passed <= millisecondsMax else { fatalError("finding: \(passed) ms for one input") }
  let peak = sw_peak_memory()
  guard peak <= memoryByteCountMax else { fatalError("finding: \(peak) bytes of memory") }
  return 0
}

private func writeInputs(of target: FuzzTarget, to folder: String) throws {
  try Folder.create(folder)
  for (index, input) in (target.seeds + (try Corpus.inputs(of: target.name))).enumerated() {
    try WholeFile.write(input, to: Path.join(folder, "own-\(index)"))
  }
}

/// Prints what is not the target's own: findings, and what is short enough to be kept besides.
private func printInputs(_ folder: String) throws {
  for file in try Folder.list(folder) where !file.hasPrefix("own-") {
    let input = try WholeFile.read(Path.join(folder, file))
    if file.contains("-") || input.count <= keptByteCountMax { print(Corpus.line(input)) }
  }
}

/// The processor's time, not the clock's: other processes may have the machine.
private func milliseconds() -> Int {
  var time = timespec()
  guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
  return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Without a stack of its own no handler could tell that the stack ran over.
private func useOwnStackForSignals() {
  let byteCount = 1 << 16
  var stack = unsafe stack_t()
  unsafe stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
  unsafe stack.ss_size = byteCount
  guard unsafe sigaltstack(&stack, nil) == 0 else { fatalError("no stack for signals") }
}

private func variable(_ name: String) -> String? {
  unsafe getenv(name).map { unsafe String(cString: $0) }
}
