// Which compiled form of the inner loops runs. All forms give the same bits; the choice is speed.
import CKernels

/// A family of CPU instructions that the inner loops are compiled for.
package enum InstructionSet: String, Equatable, Sendable, CaseIterable {
  /// Any CPU; slow, and the form the others are compared with.
  case plain
  /// x86-64 with AVX2, FMA and F16C.
  case avx2
  /// x86-64 with AVX-512 F, BW, DQ and VL.
  case avx512
  /// AArch64.
  case neon

  /// The environment variable that overrides the choice, for tests and benchmarks.
  package static let variable = "SHARDWELD_INSTRUCTION_SET"

  package var name: String { rawValue }

  /// True where this CPU can run it.
  package var isSupported: Bool { unsafe ck_named(rawValue) != nil }

  /// Those this CPU can run, slowest first.
  package static var supported: [InstructionSet] { allCases.filter(\.isSupported) }

  /// The set of that name.
  package static func select(named name: String) throws(KernelsError) -> InstructionSet {
    guard let set = InstructionSet(rawValue: name) else { throw .unknownInstructionSet(name) }
    guard set.isSupported else { throw .unsupportedInstructionSet(set) }
    return set
  }

  /// The set the environment asks for, or the best of this CPU where it asks for none. Found once.
  package static let selection: Result<InstructionSet, KernelsError> = Result {
    () throws(KernelsError) in
    guard let requested = unsafe ck_requested() else { return best }
    return try select(named: unsafe String(cString: requested))
  }

  /// The set in use: `selection`, or the best of this CPU where the environment asks for one that
  /// cannot be had (whoever starts a merge reports that from `selection`).
  package static var current: InstructionSet {
    if case .success(let set) = selection { set } else { best }
  }

  private static var best: InstructionSet { supported.last ?? .plain }
}

/// Why an instruction set cannot be used.
package enum KernelsError: Error, Equatable {
  case unknownInstructionSet(String)
  case unsupportedInstructionSet(InstructionSet)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    let names = InstructionSet.supported.map(\.name).joined(separator: ", ")
    let advice = "set \(InstructionSet.variable) to one of \(names), or do not set it"
    return switch self {
    case .unknownInstructionSet(let name): "no instruction set is named \"\(name)\": \(advice)"
    case .unsupportedInstructionSet(let set): "this CPU does not have \(set.name): \(advice)"
    }
  }
}
