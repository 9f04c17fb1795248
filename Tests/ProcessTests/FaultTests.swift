// Promise 3 and 4 against a disk that fails: the k-th call of each kind, in the coordinator, in a
// worker and in a merge without workers, fails or is the last of its process. A few k of each are
// taken here; `FAULTS=all` takes them all.
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(60)))
struct FaultTests {
  /// What may go wrong with a call, but for the end of its process.
  private static func actions(_ call: Fault.Call) -> [Fault.Action] {
    switch call {
    case .open, .remove: [.eio, .eintr]
    case .read: [.eio, .eintr, .short]
    case .create, .reserve, .mkdir, .link, .rename, .flush, .close: [.eio, .enospc, .eintr, .late]
    case .write: [.eio, .enospc, .eintr, .short, .late]
    case .step: [.kill, .killAfter]
    }
  }

  private static let takesAll = ProcessInfo.processInfo.environment["FAULTS"] == "all"

  /// Every number and action, or a few of them, the same in every run.
  private static func faults(
    _ process: Fault.Process, _ call: Fault.Call, count: Int, sample: Int
  ) -> [Fault] {
    guard count > 0 else { return [] }
    let all = (1...count).flatMap { number in
      actions(call).map { Fault(process: process, call: call, number: number, action: $0) }
    }
    if takesAll { return all }
    var random = SeededGenerator(seed: UInt64(call.rawValue.utf8.reduce(0) { $0 * 31 + Int($1) }))
    return Array(all.shuffled(using: &random).prefix(sample))
  }

  @Test(arguments: Fault.Process.allCases, Fault.Call.allCases)
  func `whatever call fails or is the last one, the bytes are right or the next run's are`(
    _ process: Fault.Process, _ call: Fault.Call
  ) throws {
    let bench = try FaultBench()
    let tally = try bench.tally(workers: process == .alone ? 0 : 2)
    let count = try tally.count(process, call)
    let faults = Self.faults(process, call, count: count, sample: call == .step ? 8 : 3)
    // Workers make no links, and so on: but every kind of call is made by somebody.
    if process != .worker { #expect(count > 0 || (process == .coordinator && call == .reserve)) }
    var firedCount = 0
    for (index, fault) in faults.enumerated() {
      if try bench.survive(fault, "run\(index)") { firedCount += 1 }
    }
    if Self.takesAll { print("faults: \(process) \(call): \(firedCount) of \(faults.count) met") }
    // Two runs do not make quite the same calls; most of them are met again. Which of two workers
    // makes which is another matter.
    if process != .worker {
      #expect(firedCount * 2 >= faults.count, "\(firedCount) of \(faults.count) were met")
    }
  }

  @Test(arguments: [
    (Fault.Process.worker, Fault.Call.write), (.worker, .reserve), (.worker, .flush),
    (.coordinator, .write), (.coordinator, .flush), (.alone, .write), (.alone, .link),
  ])
  func `a disk that fails for good stops the merge cleanly, one that is full asks for room`(
    _ process: Fault.Process, _ call: Fault.Call
  ) throws {
    let bench = try FaultBench()
    for (action, code, text) in [
      (Fault.Action.eio, Int32(1), "Input/output error"), (.enospc, 75, "no space left for"),
    ] {
      let folder = try bench.place(action.rawValue)
      let fault = Fault(process: process, call: call, number: 1, action: action, repeats: true)
      let words = bench.merge(output: folder + "/out", workers: process == .alone ? 0 : 2)
      let run = try Command(
        words, environment: fault.environment(folder: folder, tally: FaultTally(nil))
      ).wait(seconds: 60)
      #expect(run.exitCode == code && run.errors.contains(text), "\(run)")
      #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
      try bench.expectRecovery(words, folder: folder, after: run, story: "\(run)")
    }
  }
}
