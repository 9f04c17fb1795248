// Faults by chance: what befalls calls of a kind in the field.
import Glibc
import TestSupport

extension DiskFault.Effect {
  /// One of the faults that a call of this kind meets.
  static func drawn(
    for kind: DiskOperation.Kind, _ generator: inout SeededGenerator
  ) -> DiskFault.Effect {
    let choice = Int(generator.next() % 4)
    switch kind {
    case .write: return [.writesShort, fails(EIO), fails(ENOSPC), fails(EDQUOT)][choice]
    case .create, .createFolder, .reserve:
      return [fails(EIO), fails(ENOSPC), fails(EDQUOT), fails(EIO)][choice]
    case .rename, .renameKeeping, .exchange:
      let repeated = DiskFault.Effect.succeedsThenFails(errno: ENOENT)
      return [repeated, .succeedsThenFails(errno: EIO), fails(EIO), fails(ENOSPC)][choice]
    case .link:
      let repeated = DiskFault.Effect.succeedsThenFails(errno: EEXIST)
      return [repeated, .succeedsThenFails(errno: EIO), fails(EIO), fails(ENOSPC)][choice]
    case .flush, .close:
      return [.losesPages(errno: EIO), .losesPages(errno: ENOSPC), fails(EIO), fails(EDQUOT)][
        choice]
    case .writeBack:
      return [.losesPages(errno: EIO), .losesPages(errno: ENOSPC), fails(EIO), fails(EOPNOTSUPP)][
        choice]
    default: return fails(EIO)
    }
  }

  private static func fails(_ code: Int32) -> DiskFault.Effect { .fails(errno: code) }
}
