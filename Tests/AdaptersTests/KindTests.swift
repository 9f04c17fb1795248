// No kind of PEFT's is met by surprise: each is merged, or refused in words of its own.
import TestSupport
import Testing

@testable import Adapters

@Suite struct KindTests {
  private static let merged = ["LORA"] + Family.all.map(\.kind)

  @Test(arguments: PEFTKinds.all)
  func `a kind of PEFT's is merged or refused by name`(_ kind: String) {
    let stranger = Family.refusal(of: "a kind of tomorrow")
    #expect(Self.merged.contains(kind) == (Family.refusal(of: kind) == stranger), "\(kind)")
  }

  @Test func `what is merged beside is an older name`() {
    #expect(Self.merged.filter { !PEFTKinds.all.contains($0) } == ["BONE"])
    #expect(Set(Self.merged).count == Self.merged.count)
  }
}
