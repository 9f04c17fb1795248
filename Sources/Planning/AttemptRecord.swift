// What a worker leaves beside its finished shard, and what the coordinator commits it by:
//
//   {"attempt":[12,3,1],"byteCount":4096,"digest":"xxh3:…",
//    "tensors":[["xxh3:…","xxh3:…"],["xxh3:…","xxh3:…",{"baseNorm":12.5,…}]],
//    "host":"n1","processID":77,"milliseconds":1200,"kernel":"avx2"}
package import OrderedJSON
import Storage

/// The digests of one tensor, of the bytes written and of the bytes it was made from, and what was
/// measured between the two.
package struct TensorDigests: Hashable, Sendable {
  /// `xxh3:…` of the tensor's bytes in the output.
  package var output: String
  /// `xxh3:…` of the source's bytes.
  package var source: String
  /// nil where no update touches the tensor, and in records of versions that did not measure.
  package var update: UpdateStatistics?

  package init(output: String, source: String, update: UpdateStatistics? = nil) {
    self.output = output
    self.source = source
    self.update = update
  }

  /// Writes a list, one entry a recipe, as the next value.
  package static func write(_ tensors: [TensorDigests], to writer: inout JSONWriter) {
    writer.array { writer in
      for tensor in tensors {
        writer.array { pair in
          pair.string(tensor.output)
          pair.string(tensor.source)
          if let update = tensor.update { update.write(to: &pair) }
        }
      }
    }
  }

  /// Reads what `write` wrote.
  package static func read(from reader: inout JSONReader) throws(PlanError) -> [TensorDigests] {
    try reader.list { reader throws(PlanError) in
      var pair: [String] = []
      var update: UpdateStatistics?
      try reader.array { reader throws(PlanError) in
        if pair.count == 2, update == nil {
          update = try UpdateStatistics.read(from: &reader)
        } else {
          pair.append(try reader.digest("tensors"))
        }
      }
      guard pair.count == 2 else {
        throw .invalid(member: "tensors", found: "a list of \(pair.count) digests")
      }
      return TensorDigests(output: pair[0], source: pair[1], update: update)
    }
  }
}

/// A finished attempt as its worker saw it.
package struct AttemptRecord: Equatable, Sendable {
  package var attempt: AttemptID
  /// Size of the shard's file.
  package var byteCount: Int64
  /// Digest of the whole file in the algorithm of the plan.
  package var digest: String
  /// One per recipe, in order.
  package var tensors: [TensorDigests]
  package var host: String
  package var processID: Int
  /// How long the attempt took.
  package var milliseconds: Int
  /// The instruction set of the inner loops, e.g. `avx2`.
  package var kernel: String

  package init(
    attempt: AttemptID, byteCount: Int64, digest: String, tensors: [TensorDigests], host: String,
    processID: Int, milliseconds: Int, kernel: String
  ) {
    self.attempt = attempt
    self.byteCount = byteCount
    self.digest = digest
    self.tensors = tensors
    self.host = host
    self.processID = processID
    self.milliseconds = milliseconds
    self.kernel = kernel
  }

  /// The record as JSON; the same bytes for the same record.
  package func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.key("attempt")
      attempt.write(to: &writer)
      writer.member("byteCount", byteCount)
      writer.member("digest", digest)
      writer.key("tensors")
      TensorDigests.write(tensors, to: &writer)
      writer.member("host", host)
      writer.member("processID", processID)
      writer.member("milliseconds", milliseconds)
      writer.member("kernel", kernel)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// Reads what `encode` wrote; members of later versions are skipped.
  package static func decode(_ bytes: [UInt8]) throws(PlanError) -> AttemptRecord {
    var reader = try JSONReader.of(bytes)
    var record = AttemptRecord(
      attempt: AttemptID(job: 0, epoch: 0, attempt: 0), byteCount: 0, digest: "", tensors: [],
      host: "", processID: 0, milliseconds: 0, kernel: "")
    var missing = RequiredMembers([
      "attempt", "byteCount", "digest", "tensors", "host", "processID", "milliseconds", "kernel",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "attempt": record.attempt = try AttemptID.read(from: &reader)
      case "byteCount": record.byteCount = try reader.size(key)
      case "digest": record.digest = try reader.digest(key)
      case "tensors": record.tensors = try TensorDigests.read(from: &reader)
      case "host": record.host = try reader.text()
      case "processID": record.processID = try reader.count(key)
      case "milliseconds": record.milliseconds = try reader.count(key)
      case "kernel": record.kernel = try reader.text()
      default: try reader.forget()
      }
    }
    try missing.check()
    try reader.end()
    return record
  }
}

extension AttemptID {
  /// Writes `[job,epoch,attempt]` as the next value.
  package func write(to writer: inout JSONWriter) {
    writer.array { writer in
      writer.integer(job)
      writer.integer(epoch)
      writer.integer(attempt)
    }
  }

  /// Reads what `write` wrote.
  package static func read(from reader: inout JSONReader) throws(PlanError) -> AttemptID {
    let parts = try reader.list { r throws(PlanError) in try r.count("attempt") }
    guard parts.count == 3 else {
      throw .invalid(member: "attempt", found: "a list of \(parts.count) numbers")
    }
    return AttemptID(job: parts[0], epoch: UInt64(parts[1]), attempt: parts[2])
  }
}
