// Why an output cannot be finished, or why a finished one is not what its manifest says.
package import Ledger
package import OrderedJSON
package import Planning
package import Storage

package enum PublishingError: Error, Equatable {
  case storage(StorageError)
  case ledger(LedgerError)

  // MARK: A shard that is not as planned

  case shardMissing(path: String)
  case shardSize(path: String, expected: Int64, found: Int64)
  /// The header differs from the planned one, first at this byte.
  case shardHeader(path: String, offset: Int)

  // MARK: Finishing

  /// Not every job is committed.
  case incomplete(output: String, committed: Int, planned: Int)
  /// The output is there already, and holds something.
  case outputExists(path: String)
  /// Something that is no folder has the output's name.
  case outputNotAFolder(path: String)
  /// The base's config.json must be changed and is no JSON object.
  case config(path: String, JSONError)
  /// The part of config.json that must be changed is no object.
  case configMember(path: String, member: String)
  /// A side file would take the name of a file that the merge writes.
  case sideFileName(String)
  /// What was published is not where it was left.
  case lost(folder: String)

  // MARK: Verifying

  /// The output has no manifest.
  case noManifest(output: String)
  /// shardweld.json is not one of ours, or damaged.
  case manifest(path: String, PlanError)
  case fileMissing(path: String)
  case fileSize(path: String, expected: Int64, found: Int64)
  case fileDigest(path: String, expected: String, found: String)
  /// The index lists a shard that the manifest does not know.
  case extraShard(index: String, shard: String)
  /// The index sends a tensor to another shard than the manifest; nil where it does not list it.
  case indexEntry(index: String, tensor: String, expected: String, found: String?)
  case indexExtraTensor(index: String, tensor: String)
  case index(path: String, PlanError)
  case tensorDigest(path: String, tensor: String, expected: String, found: String)
  case shardDigest(path: String, expected: String, found: String)

  /// True where an output was read and differs from its manifest.
  package var isDifference: Bool {
    switch self {
    case .manifest(_, .version): false
    case .shardMissing, .shardSize, .shardHeader, .manifest, .fileMissing, .fileSize,
      .fileDigest, .extraShard, .indexEntry, .indexExtraTensor, .index, .tensorDigest,
      .shardDigest:
      true
    case .storage, .ledger, .incomplete, .outputExists, .outputNotAFolder, .config, .configMember,
      .sideFileName, .lost, .noManifest:
      false
    }
  }

  /// True where a full disk is the cause: what is committed stays, and space alone is wanted.
  package var isNoSpace: Bool {
    switch self {
    case .storage(.noSpace): true
    case .ledger(let error): error.isNoSpace
    default: false
    }
  }

  /// Runs a step on the file system and gives its error as ours.
  static func wrapping<Value: ~Copyable>(
    _ step: () throws(StorageError) -> Value
  ) throws(PublishingError) -> Value {
    do { return try step() } catch { throw .storage(error) }
  }

  /// Runs a step on the job's folder and gives its error as ours.
  static func wrappingLedger<Value>(
    _ step: () throws(LedgerError) -> Value
  ) throws(PublishingError) -> Value {
    do { return try step() } catch { throw .ledger(error) }
  }
}
