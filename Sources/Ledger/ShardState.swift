// A shard's file against its job: size and header, the cheap part of knowing that it is whole.
package import Planning
package import Storage

package enum ShardState: Equatable, Sendable {
  case asPlanned
  case absent
  case size(expected: Int64, found: Int64)
  /// The header differs from the planned one, first at this byte; of a prelude, somewhere.
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
    guard let planned = job.header else { return try hasPrelude(file, job) }
    guard planned.count <= byteCount else { return .header(offset: Int(byteCount)) }
    let found = try file.read(count: planned.count, at: 0)
    guard let offset = planned.indices.first(where: { planned[$0] != found[$0] }) else {
      return .asPlanned
    }
    return .header(offset: offset)
  }

  /// Of a prelude the plan has the digest alone.
  private static func hasPrelude(
    _ file: borrowing File, _ job: MergeJob
  ) throws(StorageError) -> ShardState {
    let reader = BlockReader(upTo: job.headerByteCount)
    var digester = Digester(.xxh3)
    try reader.read(file, 0..<job.headerByteCount) { digester.update($0) }
    return digester.finish().description == job.prelude?.digest ? .asPlanned : .header(offset: 0)
  }
}
