// The fields of what the coordinator says, in the order in which they lie in the bytes.
import Planning

extension CoordinatorMessage {
  /// The number of a message in its bytes.
  enum Kind: UInt8 {
    case welcome = 0x81
    case refuse, assign, settled, cancel, heartbeat, dismiss, farewell
  }

  var kind: Kind {
    switch self {
    case .welcome: .welcome
    case .refuse: .refuse
    case .assign: .assign
    case .settled: .settled
    case .cancel: .cancel
    case .heartbeat: .heartbeat
    case .dismiss: .dismiss
    case .farewell: .farewell
    }
  }

  func write(to writer: inout MessageWriter) {
    switch self {
    case .welcome(let jobFolder, let planDigest, let leaseMilliseconds):
      writer.path(jobFolder, "job folder")
      writer.prose(planDigest)
      writer.count(leaseMilliseconds, "lease")
    case .refuse(let reason):
      writer.prose(reason)
    case .assign(let assignment):
      writer.byte(assignment.kind.rawValue)
      writer.attempt(assignment.attempt)
      if case .merge(_, let slice, let byteCount) = assignment {
        writer.size(slice.offset, "plan offset")
        writer.size(slice.byteCount, "plan size")
        writer.prose(slice.digest)
        writer.size(byteCount, "shard size")
      }
    case .settled(let task), .cancel(let task): writer.task(task)
    case .heartbeat(let periodMilliseconds): writer.count(periodMilliseconds, "period")
    case .dismiss, .farewell: break
    }
  }

  init(_ kind: Kind, from reader: inout MessageReader) throws(MessageError) {
    switch kind {
    case .welcome:
      self = try .welcome(
        jobFolder: reader.path("job folder"), planDigest: reader.prose("plan's digest"),
        leaseMilliseconds: reader.count("lease"))
    case .refuse:
      self = .refuse(reason: try reader.prose("reason"))
    case .assign:
      self = .assign(try Assignment(from: &reader))
    case .settled:
      self = .settled(try reader.task())
    case .cancel:
      self = .cancel(try reader.task())
    case .heartbeat: self = .heartbeat(periodMilliseconds: try reader.count("period"))
    case .dismiss: self = .dismiss
    case .farewell: self = .farewell
    }
  }
}

extension Assignment {
  fileprivate init(from reader: inout MessageReader) throws(MessageError) {
    let kind = try Kind(from: &reader)
    let attempt = try reader.attempt()
    switch kind {
    case .merge:
      self = try .merge(
        attempt,
        PlanSlice(
          offset: reader.size("plan offset"), byteCount: reader.size("plan size"),
          digest: reader.prose("slice's digest")), byteCount: reader.size("shard size"))
    case .readBack: self = .readBack(attempt)
    }
  }
}
