import Testing

/// What a seed decides must not depend on the process that asks: hashes are salted anew in each.
@Suite struct SimulationTraceTests {
  @Test func `two processes tell the same story of the same seeds`() throws {
    let bench = Command.program + "-bench"
    let words = ["simulate", "--trace", "yes", "--from", "1", "--count", "40"]
    let first = try Command.run(words, program: bench)
    #expect(first.exitCode == 0)
    #expect(first.output.split(separator: "\n").count == 40)
    #expect(first.output == (try Command.run(words, program: bench)).output)
  }
}
