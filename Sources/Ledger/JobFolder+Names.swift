// Names in a job's folder that concern nobody but the ledger and who publishes.
package import Planning

extension JobFolder {
  /// The manifest's name in every output.
  package static let manifestName = "shardweld.json"

  /// Rewritten while a coordinator lives; see `Heartbeat`.
  func beat(_ number: UInt64) -> String {
    String(epoch(number).dropLast("json".count)) + "beat"
  }

  /// Says that the output is whole and about to take its name; see `FinishMarker`.
  var finish: String { path + "/finish.json" }

  /// Where an output lies that was overwritten, until it is removed.
  package var replaced: String { path + "/replaced" }

  /// The name a folder takes before it is removed, so that a half removed one is never taken up.
  package var removed: String { path + ".removed" }

  /// True for what may lie in a job's folder whose plan is not written yet, or removed already.
  package static func isOwnName(_ name: String) -> Bool {
    let known = [
      "plan.json", "lock", "epoch", "attempt", "commit", "journal", "publish", "finish.json",
      "replaced",
    ]
    return known.contains { name == $0 || name.hasPrefix($0 + ".part-") }
  }
}
