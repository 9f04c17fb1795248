import Ledger
import OrderedJSON
import Planning
import Storage

extension PublishingError {
  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .ledger(let error): error.sentence
    case .shardMissing(let path): "\(path) is missing; \(Self.remedy)"
    case .shardSize(let path, let expected, let found):
      "\(path) has \(found) bytes, \(expected) expected; \(Self.remedy)"
    case .shardHeader(let path, let offset):
      "\(path): the header differs from the expected one at byte \(offset); \(Self.remedy)"
    case .incomplete(let output, let committed, let planned):
      "\(output) is not complete: \(committed) of \(planned) shards are done; "
        + "run the same command again to go on"
    case .outputExists(let path):
      "\(path) exists already and is not empty; choose another --output, or --overwrite to "
        + "replace it"
    case .outputNotAFolder(let path):
      "\(path) exists and is not a folder; choose another --output"
    case .config(let path, let error):
      "\(path) cannot be changed: \(error.sentence); repair it in the base"
    case .configMember(let path, let member):
      "\(path) cannot be changed: \"\(member)\" is not an object; repair it in the base"
    case .sideFileName(let name):
      "the base's file \(name) has a name that the output needs for its own; "
        + "rename it in the base"
    case .lost(let folder):
      "the finished output of \(folder) was moved or changed while it was published; "
        + "run the same command again"
    case .noManifest(let output):
      "\(output) has no shardweld.json: it was not written by shardweld merge, or is not complete"
    case .manifest(let path, let error):
      "\(path) is not a manifest that this shardweld can read: \(error.sentence)"
    case .fileMissing(let path): "\(path) is missing; \(Self.remedy)"
    case .fileSize(let path, let expected, let found):
      "\(path) has \(found) bytes, \(expected) expected; \(Self.remedy)"
    case .fileDigest(let path, let expected, let found):
      "\(path) differs: digest \(expected) expected, \(found) found; \(Self.remedy)"
    case .extraShard(let index, let shard):
      "\(index) lists \(shard), which the manifest does not know; \(Self.remedy)"
    case .indexEntry(let index, let tensor, let expected, let found):
      "\(index) " + (found.map { "sends \(tensor) to \($0)" } ?? "does not list \(tensor)")
        + ", \(expected) expected; \(Self.remedy)"
    case .indexExtraTensor(let index, let tensor):
      "\(index) lists \(tensor), which the manifest does not know; \(Self.remedy)"
    case .index(let path, let error):
      "\(path) cannot be read: \(error.sentence); \(Self.remedy)"
    case .tensorDigest(let path, let tensor, let expected, let found):
      "\(path): tensor \(tensor) differs: digest \(expected) expected, \(found) found; "
        + Self.remedy
    case .shardDigest(let path, let expected, let found):
      "\(path) differs: digest \(expected) expected, \(found) found; \(Self.remedy)"
    }
  }

  private static let remedy = "merge again, or fetch the file again from where it was copied"
}
