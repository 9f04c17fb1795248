import Kernels
import Merging
import Storage
import TestSupport
import Testing

@testable import shardweld

/// A machine that gives other answers than are known does no work.
struct SoundnessTests {
  let scratch = Scratch()

  /// The answers, one of them spoilt, and what is said of it.
  private func spoilt() -> (answers: [KnownAnswers.Entry], sentence: String) {
    var answers = KnownAnswers.entries
    let last = answers.count - 1
    let right = answers[last].answer
    answers[last].answer = "xxh3:00000000000000000000000000000000"
    let set = InstructionSet.current.name
    return (
      answers,
      "this machine does not compute as it must: measure in double precision with \(set) "
        + "gives \(right), expected is xxh3:00000000000000000000000000000000; nothing is merged "
        + "here: test its memory and processor"
    )
  }

  @Test func `a merge in one process is refused before anything is read or written`() throws {
    var flags = MergeFlags()
    flags.base = scratch("none")
    flags.output = scratch("out")
    flags.workers = 0
    let (answers, sentence) = spoilt()
    let error = #expect(throws: CommandError.self) {
      _ = try Pipeline.run(flags, answers: answers) { _ in true }
    }
    #expect(error == .configuration(sentence))
    #expect(error?.exitCode == .configuration)
    // With the right ones it comes as far as the base that is not there.
    let missing = #expect(throws: CommandError.self) {
      _ = try Pipeline.run(flags) { _ in true }
    }
    #expect(missing?.exitCode == .badInput)
  }

  @Test func `a worker ends with code 78 before it connects`() async {
    await #expect(processExitsWith: .success) {
      let test = SoundnessTests()
      let keys = test.scratch("keys")
      var keygen = KeygenFlags()
      keygen.folder = keys
      _ = try KeygenCommand.run(keygen)
      var flags = WorkerFlags()
      flags.keys = keys
      flags.connect = "ipc://\(test.scratch("nobody"))"
      let code = try WorkerCommand.run(flags, answers: test.spoilt().answers)
      #expect(code.rawValue == 78)
    }
  }
}
