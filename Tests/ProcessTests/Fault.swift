// One wrong thing that happens to a process at one of its calls on files, brought about by the
// library FaultShim, which lies beside the test bundle. Its header has the meaning of each word.
import Foundation
import TestSupport

/// What goes wrong, where and when.
struct Fault: CustomStringConvertible, Sendable {
  /// Whose call it is. Without workers the coordinator does all the work itself.
  enum Process: String, CaseIterable {
    case coordinator, worker, alone
  }

  /// A kind of call, in the order of the shim's tally.
  enum Call: String, CaseIterable {
    case create, open, read, write, reserve, flush, close, link, rename, mkdir, remove, step
  }

  enum Action: String {
    case eio = "EIO"
    case enospc = "ENOSPC"
    case eintr = "EINTR"
    case short, late, kill, delay
    case killAfter = "kill-after"
  }

  var process: Process
  var call: Call
  /// Counted from 1.
  var number: Int
  var action: Action
  /// All later calls go wrong too.
  var repeats = false
  var delayMilliseconds = 0

  var description: String {
    "\(process.rawValue) \(call.rawValue) \(number)\(repeats ? "…" : "") \(action.rawValue)"
  }

  static let library = URL(filePath: Command.program).deletingLastPathComponent()
    .appending(path: "libFaultShim.so").path()

  /// Lays the shim under a program and its children: calls below `folder` count.
  func environment(folder: String, tally: FaultTally) -> [String: String] {
    tally.environment(folder: folder).merging([
      "FAULT_PROCESS": process == .worker ? "worker" : "coordinator",
      "FAULT_CALL": call.rawValue, "FAULT_NUMBER": "\(number)",
      "FAULT_ACTION": action.rawValue, "FAULT_REPEAT": repeats ? "1" : "0",
      "FAULT_DELAY": "\(delayMilliseconds)",
    ]) { $1 }
  }

  /// A disk so slow that every write takes this long; for a process whose environment this is.
  static func slowWrites(
    _ milliseconds: Int, folder: String, by process: Process = .coordinator
  ) -> [String: String] {
    let fault = Fault(
      process: process, call: .write, number: 1, action: .delay, repeats: true,
      delayMilliseconds: milliseconds)
    return fault.environment(folder: folder, tally: FaultTally(nil))
  }
}

/// How often each call was made by the processes of one run: a file that they share.
struct FaultTally {
  /// nil: every process counts for itself and nobody asks.
  let path: String?

  init(_ path: String?) { self.path = path }

  /// Makes a file of zeros.
  static func make(_ name: String, in scratch: Scratch) throws -> FaultTally {
    FaultTally(try scratch.write(name, [UInt8](repeating: 0, count: 8 * numberCount)))
  }

  /// Only counts.
  func environment(folder: String) -> [String: String] {
    var variables = ["LD_PRELOAD": Fault.library, "FAULT_FOLDER": folder]
    if let path { variables["FAULT_TALLY"] = path }
    return variables
  }

  /// How many calls went wrong.
  func fired() throws -> Int { try numbers()[0] }

  func count(_ process: Fault.Process, _ call: Fault.Call) throws -> Int {
    let calls = Fault.Call.allCases
    let row = process == .worker ? calls.count : 0
    return try numbers()[1 + row + calls.firstIndex(of: call)!]
  }

  private static let numberCount = 1 + 2 * Fault.Call.allCases.count

  private func numbers() throws -> [Int] {
    let bytes = try Data(contentsOf: URL(filePath: path ?? ""))
    return (0..<Self.numberCount).map { index in
      (0..<8).reduce(0) { $0 | Int(bytes[index * 8 + $1]) << (8 * $1) }
    }
  }
}
