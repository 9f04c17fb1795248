import Glibc
import Kernels
import Testing

@Suite struct InstructionSetTests {
  @Test func `plain is always there and comes first`() throws(KernelsError) {
    #expect(InstructionSet.supported.first == .plain)
    #expect(try InstructionSet.select(named: "plain") == .plain)
    #expect(KernelTable(.plain).set == .plain)
  }

  @Test func `an unknown name is refused`() {
    let error = #expect(throws: KernelsError.unknownInstructionSet("mmx")) {
      try InstructionSet.select(named: "mmx")
    }
    let names = InstructionSet.supported.map(\.name).joined(separator: ", ")
    #expect(
      error?.sentence
        == "no instruction set is named \"mmx\": set SHARDWELD_INSTRUCTION_SET to one of \(names), "
        + "or do not set it")
  }

  @Test func `a set this CPU lacks is refused`() throws {
    let missing = try #require(InstructionSet.allCases.first { !$0.isSupported })
    let error = #expect(throws: KernelsError.unsupportedInstructionSet(missing)) {
      try InstructionSet.select(named: missing.name)
    }
    let names = InstructionSet.supported.map(\.name).joined(separator: ", ")
    #expect(
      error?.sentence
        == "this CPU does not have \(missing.name): set SHARDWELD_INSTRUCTION_SET to one of "
        + "\(names), or do not set it")
    #expect(KernelTable(missing).set == .plain)
  }

  @Test func `the environment overrides the choice`() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv(InstructionSet.variable, "plain", 1)
      #expect(InstructionSet.current == .plain)
      #expect(KernelTable().set == .plain)
    }
  }

  @Test func `an environment that asks for what there is not is told`() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv(InstructionSet.variable, "mmx", 1)
      #expect(InstructionSet.selection == .failure(.unknownInstructionSet("mmx")))
      #expect(InstructionSet.current == InstructionSet.supported.last)
    }
  }
}
