// The fields of what a worker says, in the order in which they lie in the bytes.
import Planning

extension WorkerMessage {
  /// The number of a message in its bytes.
  enum Kind: UInt8 {
    case hello = 0x01
    case credit, progress, result, goodbye
  }

  var kind: Kind {
    switch self {
    case .hello: .hello
    case .credit: .credit
    case .progress: .progress
    case .result: .result
    case .goodbye: .goodbye
    }
  }

  func write(to writer: inout MessageWriter) {
    switch self {
    case .hello(let host, let processID, let threads, let running):
      writer.prose(host)
      writer.count(processID, "process id")
      writer.count(threads, "threads")
      writer.attempts(running, "running")
    case .credit(let count):
      writer.count(count, "credit")
    case .progress(let running, let byteCount, let held):
      writer.byte(running == nil ? 0 : 1)
      if let running { writer.attempt(running) }
      writer.size(byteCount, "bytes done")
      writer.attempts(held, "held")
    case .result(let kind, let attempt, let outcome):
      writer.byte(kind.rawValue)
      writer.attempt(attempt)
      outcome.write(to: &writer)
    case .goodbye: break
    }
  }

  init(_ kind: Kind, from reader: inout MessageReader) throws(MessageError) {
    switch kind {
    case .hello:
      self = try .hello(
        host: reader.prose("host"), processID: reader.count("process id"),
        threads: reader.count("threads"), running: reader.attempts("running"))
    case .credit:
      self = .credit(count: try reader.count("credit"))
    case .progress:
      let running = try reader.flag("running") ? try reader.attempt() : nil
      self = try .progress(
        running: running, byteCount: reader.size("bytes done"), held: reader.attempts("held"))
    case .result:
      self = try .result(
        Assignment.Kind(from: &reader), reader.attempt(), Outcome(from: &reader))
    case .goodbye: self = .goodbye
    }
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
    case .failed(let reason, let isFinal, let noSpace):
      writer.byte(2)
      writer.prose(reason)
      writer.byte(isFinal ? 1 : 0)
      writer.byte(noSpace ? 1 : 0)
    case .handedBack: writer.byte(3)
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
      self = try .failed(
        reason: reader.prose("reason"), isFinal: reader.flag("is final"),
        noSpace: reader.flag("no space"))
    case 3: self = .handedBack
    default: throw .badNumber(field: "outcome", found: UInt64(number))
    }
  }
}
