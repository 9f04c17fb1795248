// The fields of what a worker says, in the order in which they lie in the bytes.
import Planning

extension WorkerMessage {
  /// The number of a message in its bytes.
  enum Kind: UInt8 {
    case hello = 0x01
    case progress, result, goodbye
  }

  var kind: Kind {
    switch self {
    case .hello: .hello
    case .progress: .progress
    case .result: .result
    case .goodbye: .goodbye
    }
  }

  func write(to writer: inout MessageWriter) {
    switch self {
    case .hello(let introduction, let held):
      introduction.write(to: &writer)
      writer.tasks(held, "held")
    case .progress(let running, let byteCount, let movedByteCount, let held, let credit):
      writer.byte(running == nil ? 0 : 1)
      if let running { writer.task(running) }
      writer.size(byteCount, "bytes done")
      writer.size(movedByteCount, "bytes moved")
      writer.tasks(held, "held")
      writer.count(credit, "credit")
    case .result(let task, let outcome, let credit):
      writer.task(task)
      outcome.write(to: &writer)
      writer.count(credit, "credit")
    case .goodbye: break
    }
  }

  init(_ kind: Kind, from reader: inout MessageReader) throws(MessageError) {
    switch kind {
    case .hello:
      self = try .hello(Introduction(from: &reader), held: reader.tasks("held"))
    case .progress:
      let running = try reader.flag("running") ? try reader.task() : nil
      self = try .progress(
        running: running, byteCount: reader.size("bytes done"),
        movedByteCount: reader.size("bytes moved"), held: reader.tasks("held"),
        credit: reader.count("credit"))
    case .result:
      self = try .result(
        reader.task(), Outcome(from: &reader), credit: reader.count("credit"))
    case .goodbye: self = .goodbye
    }
  }
}

extension Introduction {
  fileprivate func write(to writer: inout MessageWriter) {
    writer.prose(host)
    writer.count(processID, "process id")
    writer.count(threads, "threads")
    writer.size(memoryByteCount, "memory")
    writer.prose(planDigest)
  }

  fileprivate init(from reader: inout MessageReader) throws(MessageError) {
    try self.init(
      host: reader.prose("host"), processID: reader.count("process id"),
      threads: reader.count("threads"), memoryByteCount: reader.size("memory"),
      planDigest: reader.prose("plan's digest"))
  }
}

extension Assignment.Kind {
  init(from reader: inout MessageReader) throws(MessageError) {
    let number = try reader.byte("task")
    guard let kind = Assignment.Kind(rawValue: number) else {
      throw .badNumber(field: "task", found: UInt64(number))
    }
    self = kind
  }
}

extension Outcome {
  fileprivate func write(to writer: inout MessageWriter) {
    switch self {
    case .merged(let byteCount, let digest, let recordDigest):
      writer.byte(0)
      writer.size(byteCount, "shard size")
      writer.prose(digest)
      writer.prose(recordDigest)
    case .readBack(let byteCount, let digest):
      writer.byte(1)
      writer.size(byteCount, "shard size")
      writer.prose(digest)
    case .failed(let failure):
      writer.byte(2)
      writer.byte(failure.cause.rawValue)
      writer.prose(failure.reason)
    case .handedBack: writer.byte(3)
    case .declined: writer.byte(4)
    }
  }

  fileprivate init(from reader: inout MessageReader) throws(MessageError) {
    let number = try reader.byte("outcome")
    switch number {
    case 0:
      self = try .merged(
        byteCount: reader.size("shard size"), digest: reader.prose("digest"),
        recordDigest: reader.prose("record's digest"))
    case 1:
      self = try .readBack(
        byteCount: reader.size("shard size"), digest: reader.prose("digest"))
    case 2:
      let cause = try reader.byte("cause")
      guard let cause = TaskFailure.Cause(rawValue: cause) else {
        throw .badNumber(field: "cause", found: UInt64(cause))
      }
      self = .failed(TaskFailure(cause, try reader.prose("reason")))
    case 3: self = .handedBack
    case 4: self = .declined
    default: throw .badNumber(field: "outcome", found: UInt64(number))
    }
  }
}
