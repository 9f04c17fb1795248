// The proof that this machine computes as it must: every loop of the instruction set in use, and
// both digests, make bytes of fixed inputs whose digest is written down here. The answers are those
// of every instruction set; a worker gives them before it takes any work.
package import Kernels
package import Storage

/// Questions put to a machine, with their answers.
package enum KnownAnswers {
  /// What is on trial.
  package enum Question: Hashable, Sendable {
    case digest(DigestAlgorithm, Input)
    case loop(Loop, Precision)
  }

  /// What is digested.
  package enum Input: String, Sendable, CaseIterable {
    /// The text of the standard's own example.
    case abc = "the text abc"
    case megabyte = "a megabyte"
  }

  /// A loop of a kernel table, by its name there.
  package enum Loop: String, Sendable, CaseIterable {
    case widen, narrow, addProduct, sumProduct, addScaled, addSticky, lerp, scale, scaleEach
    case addRowSquares, addColumnSquares, nonFiniteCount, measure

    /// Those it is there for.
    package var precisions: [Precision] { self == .addSticky ? [.double] : Precision.allCases }
  }

  /// A question and the digest that answers it.
  package struct Entry: Equatable, Sendable {
    package var question: Question
    package var answer: String
  }

  /// A question that this machine answers in another way.
  package struct Difference: Equatable, Sendable {
    package var question: Question
    package var instructionSet: InstructionSet
    package var expected: String
    package var found: String

    /// What differs, expected and found.
    package var sentence: String {
      let subject =
        switch question {
        case .digest(let algorithm, let input): "\(algorithm.rawValue) of \(input.rawValue)"
        case .loop(let loop, let precision):
          "\(loop.rawValue) in \(precision) precision with \(instructionSet.name)"
        }
      return "\(subject) gives \(found), expected is \(expected)"
    }
  }

  /// The first question that is answered wrongly; nil where all is well. Takes some milliseconds
  /// and at most a few megabytes, in the caller's thread.
  package static func difference(
    _ kernels: KernelTable = KernelTable(), from entries: [Entry] = entries
  ) -> Difference? {
    let inputs = KnownInputs()
    for entry in entries {
      let found = answer(to: entry.question, kernels, inputs).description
      if found != entry.answer {
        return Difference(
          question: entry.question, instructionSet: kernels.set, expected: entry.answer,
          found: found)
      }
    }
    return nil
  }

  /// This machine's answer.
  static func answer(
    to question: Question, _ kernels: KernelTable, _ inputs: KnownInputs
  ) -> Digest {
    switch question {
    case .digest(let algorithm, .abc):
      var digester = Digester(algorithm)
      unsafe digester.update(Array("abc".utf8).span.bytes)
      return digester.finish()
    case .digest(let algorithm, .megabyte): return digest(inputs.megabyte, algorithm)
    case .loop(let loop, let precision):
      return LoopTrial(kernels, precision, inputs).answer(loop)
    }
  }

  /// Digested in pieces of every size, as shards are.
  private static func digest(_ buffer: Buffer, _ algorithm: DigestAlgorithm) -> Digest {
    var digester = Digester(algorithm)
    var done = 0
    var piece = 1
    let count = unsafe buffer.bytes.count
    while done < count {
      let end = min(count, done + piece)
      unsafe digester.update(UnsafeRawBufferPointer(rebasing: buffer.bytes[done..<end]).bytes)
      done = end
      piece = piece * 5 % 200_003
    }
    return digester.finish()
  }
}
