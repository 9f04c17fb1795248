import Kernels
import Storage
import TestSupport
import Testing

@testable import Merging

@Suite struct KnownAnswersTests {
  typealias Question = KnownAnswers.Question

  static let questions: [Question] =
    DigestAlgorithm.allCases.flatMap { algorithm in
      KnownAnswers.Input.allCases.map { .digest(algorithm, $0) }
    }
    + KnownAnswers.Loop.allCases.flatMap { loop in
      loop.precisions.map { .loop(loop, $0) }
    }

  @Test(arguments: InstructionSet.supported)
  func `every instruction set gives the answers that are written down`(_ set: InstructionSet) {
    #expect(KnownAnswers.difference(KernelTable(set)) == nil)
  }

  @Test func `every loop in each of its precisions and every digest is asked, once`() {
    let asked = KnownAnswers.entries.map(\.question)
    #expect(Set(asked) == Set(Self.questions))
    #expect(asked.count == Self.questions.count)
    #expect(Set(KnownAnswers.entries.map(\.answer)).count == asked.count)
  }

  @Test(arguments: questions.indices)
  func `one answer that differs is found and named`(_ index: Int) throws {
    let question = Self.questions[index]
    var entries = KnownAnswers.entries
    let place = try #require(entries.firstIndex { $0.question == question })
    let right = entries[place].answer
    let wrong = String(right.dropLast()) + (right.hasSuffix("0") ? "1" : "0")
    entries[place].answer = wrong
    let kernels = KernelTable()
    let difference = try #require(KnownAnswers.difference(kernels, from: entries))
    #expect(
      difference
        == .init(
          question: question, instructionSet: kernels.set, expected: wrong, found: right))
  }

  @Test func `a difference is told in one sentence`() {
    func sentence(_ question: Question) -> String {
      KnownAnswers.Difference(
        question: question, instructionSet: .avx2, expected: "xxh3:1", found: "xxh3:2"
      ).sentence
    }
    #expect(
      sentence(.loop(.addProduct, .double))
        == "addProduct in double precision with avx2 gives xxh3:2, expected is xxh3:1")
    #expect(
      sentence(.digest(.sha256, .megabyte))
        == "sha256 of a megabyte gives xxh3:2, expected is xxh3:1")
    #expect(
      sentence(.digest(.xxh3, .abc)) == "xxh3 of the text abc gives xxh3:2, expected is xxh3:1")
  }

  // MARK: Inputs

  @Test func `numbers for sums are finite, small ones and zeros among them`() {
    let inputs = KnownInputs()
    for precision in Precision.allCases {
      let numbers = unsafe inputs.finite(precision, spread: 30, count: 4096)
      let values = (0..<4096).map { index in unsafe numbers.number(index, precision) }
      #expect(values.allSatisfy { $0.magnitude < 0x1p31 })
      #expect(values.contains { $0 != 0 && $0.magnitude < 0x1p-100 })
      #expect(values.contains { $0 == 0 && $0.sign == .minus })
      #expect(Set(values.map(\.exponent)).isSuperset(of: -30...30))
      let fractions = values.map(\.significandBitPattern)
      #expect(fractions.contains { $0 & (precision == .single ? 1 << 29 : 1) != 0 })
    }
  }

  @Test func `numbers to be narrowed lie on, beside and between the halves`() {
    let inputs = KnownInputs()
    let buffer = inputs.patterns(.single)
    let patterns = (0..<1 << 16).map { index in
      unsafe buffer.bytes.load(fromByteOffset: index * 4, as: UInt32.self)
    }
    #expect(patterns.enumerated().allSatisfy { $0.element >> 16 == $0.offset })
    #expect(patterns[0x7F80] == 0x7F80_0000 && patterns[0xFF80] == 0xFF80_0000)
    for low in [0, 0x7FFF, 0x8000, 0x8001, 0x0FFF, 0x1000, 0x1001, 0x3000, 0xFFFF] as [UInt32] {
      #expect(patterns.count { $0 & 0xFFFF == low } > 1000, "\(low)")
    }
    #expect(patterns.contains { Float(bitPattern: $0).isSignalingNaN })
    let wide = inputs.patterns(.double)
    let doubles = (0..<1 << 16).map { index in
      unsafe wide.bytes.load(fromByteOffset: index * 8, as: Double.self)
    }
    for half in [0x1p-8, 0x1p-11, 0x1p-24] {
      // A half of a last place of each narrower type, exactly.
      #expect(
        doubles.contains { $0.significand.truncatingRemainder(dividingBy: 2 * half) == half })
    }
    #expect(doubles.contains { $0.isNaN } && doubles.count(where: \.isInfinite) == 2)
    #expect(doubles.contains { $0 != 0 && $0.magnitude < 0x1p-126 })
  }
}
