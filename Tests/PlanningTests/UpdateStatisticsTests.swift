import OrderedJSON
import Planning
import Testing

@Suite struct UpdateStatisticsTests {
  static let sample = UpdateStatistics(
    baseNorm: 0.1, updateNorm: 1e-300, lostNorm: .greatestFiniteMagnitude,
    largest: .leastNonzeroMagnitude, moved: 4, changed: 3, vanished: 1, overflowed: 2)

  private func read(_ text: String) throws(PlanError) -> UpdateStatistics {
    var reader = try JSONReader.of(Array(text.utf8))
    return try UpdateStatistics.read(from: &reader)
  }

  private func text(_ statistics: UpdateStatistics) -> String {
    var writer = JSONWriter(indent: nil)
    statistics.write(to: &writer)
    return writer.text
  }

  @Test func `numbers read back as the same bits`() throws {
    let text = text(Self.sample)
    #expect(
      text == """
        {"baseNorm":0.1,"updateNorm":1e-300,"lostNorm":1.7976931348623157e+308,\
        "largest":5e-324,"moved":4,"changed":3,"vanished":1,"overflowed":2}
        """)
    #expect(try read(text) == Self.sample)
  }

  @Test func `what no merge measures is refused`() {
    let text = text(Self.sample)
    for (from, to, error): (String, String, PlanError) in [
      ("0.1", "-0.1", .invalid(member: "baseNorm", found: "-0.1")),
      ("5e-324", "\"nan\"", .invalid(member: "largest", found: "nan")),
      ("1e-300", "\"inf\"", .invalid(member: "updateNorm", found: "inf")),
      (":4", ":-4", .invalid(member: "moved", found: "-4")),
      ("moved", "shoved", .unknown(member: "shoved")),
      (",\"overflowed\":2", "", .missing(member: "overflowed")),
    ] {
      #expect(throws: error) { try read(text.replacing(from, with: to)) }
    }
  }

  @Test func `ratios and losses have no gaps`() {
    #expect(UpdateStatistics().ratio == 0 && UpdateStatistics().lost == 0)
    #expect(UpdateStatistics(updateNorm: 1).ratio == nil)
    #expect(UpdateStatistics(baseNorm: 2, updateNorm: 1, lostNorm: 3).lost == 1)
    #expect(UpdateStatistics(baseNorm: 2, updateNorm: 1, lostNorm: 0.5).ratio == 0.5)
  }

  @Test func `sums of tensors are norms of all their elements`() {
    var sum = UpdateStatistics(baseNorm: 3, updateNorm: 1e200, largest: 2, moved: 1, changed: 1)
    sum.add(
      UpdateStatistics(baseNorm: 4, updateNorm: 1e200, largest: 1, moved: 2, vanished: 2))
    #expect(sum.baseNorm == 5 && sum.updateNorm == 2.squareRoot() * 1e200)
    #expect(sum.largest == 2 && sum.moved == 3 && sum.changed == 1 && sum.vanished == 2)
    var most = UpdateStatistics(baseNorm: .greatestFiniteMagnitude)
    most.add(most)
    #expect(most.baseNorm == .greatestFiniteMagnitude)
  }

  @Test func `a record of a version that did not measure reads as one without numbers`() throws {
    let digest = TinyPlan.digest(1)
    let tensors = [
      TensorDigests(output: digest, source: digest),
      TensorDigests(output: digest, source: digest, update: Self.sample),
    ]
    var writer = JSONWriter(indent: nil)
    TensorDigests.write(tensors, to: &writer)
    #expect(writer.text.hasPrefix("[[\"\(digest)\",\"\(digest)\"],[\"\(digest)\""))
    var reader = try JSONReader.of(writer.bytes)
    #expect(try TensorDigests.read(from: &reader) == tensors)
    var bare = try JSONReader.of(Array("[[\"\(digest)\"]]".utf8))
    #expect(throws: PlanError.invalid(member: "tensors", found: "a list of 1 digests")) {
      try TensorDigests.read(from: &bare)
    }
  }
}
