// A shard's file against its job: size and header, the cheap part of knowing that it is whole.
package import Planning
package import Storage

package enum ShardState: Equatable, Sendable {
  case asPlanned
  case absent
  case size(expected: Int64, found: Int64)
  /// The header differs from the planned one, first at this byte.
  case header(offset: Int)

  /// Looks at a file, opened anew.
  package static func of(
    _ path: String, job: MergeJob
  ) throws(StorageError) -> ShardState {
    guard let file = try File.openIfThere(path) else { return .absent }
    let byteCount = try file.status().byteCount
    guard byteCount == job.byteCount else {
      return .size(expected: job.byteCount, found: byteCount)
    }
    let planned = job.header
    guard planned.count <= byteCount else { return .header(offset: Int(byteCount)) }
    let found = try file.read(count: planned.count, at: 0)
    guard let offset = planned.indices.first(where: { planned[$0] != found[$0] }) else {
      return .asPlanned
    }
    return .header(offset: offset)
  }
}
