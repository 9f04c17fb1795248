// epoch/000003.json: how the third coordinator of a job is reached.
//
//   {"number":3,"host":"n1","bootID":"0e3f…","processID":71,"endpoint":"tcp://n1:5555",
//    "publicKey":"<Z85>"}
import OrderedJSON
package import Planning
import Storage

/// One life of a coordinator.
package struct EpochRecord: Equatable, Sendable {
  /// Counts from 1; a worker obeys none lower than the highest it has met.
  package var number: UInt64
  package var host: String
  package var bootID: String
  package var processID: Int
  /// ZeroMQ endpoint that workers connect to.
  package var endpoint: String
  /// Z85, 40 characters.
  package var publicKey: String

  package init(
    number: UInt64, host: String, bootID: String, processID: Int, endpoint: String,
    publicKey: String
  ) {
    self.number = number
    self.host = host
    self.bootID = bootID
    self.processID = processID
    self.endpoint = endpoint
    self.publicKey = publicKey
  }

  package func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("number", number)
      writer.member("host", host)
      writer.member("bootID", bootID)
      writer.member("processID", processID)
      writer.member("endpoint", endpoint)
      writer.member("publicKey", publicKey)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  package static func decode(_ bytes: [UInt8]) throws(PlanError) -> EpochRecord {
    var reader = try JSONReader.of(bytes)
    var record = EpochRecord(
      number: 0, host: "", bootID: "", processID: 0, endpoint: "", publicKey: "")
    var missing = RequiredMembers([
      "number", "host", "bootID", "processID", "endpoint", "publicKey",
    ])
    try reader.object { key, reader throws(PlanError) in
      missing.saw(key)
      switch key {
      case "number": record.number = UInt64(try reader.size(key))
      case "host": record.host = try reader.text()
      case "bootID": record.bootID = try reader.text()
      case "processID": record.processID = try reader.count(key)
      case "endpoint": record.endpoint = try reader.text()
      case "publicKey": record.publicKey = try reader.text()
      default: try reader.forget()
      }
    }
    try missing.check()
    try reader.end()
    return record
  }

  /// The record of the newest coordinator that announced itself; nil where none has.
  package static func newest(in folder: JobFolder) throws(LedgerError) -> EpochRecord? {
    for number in try numbers(in: folder).reversed() {
      let path = folder.epoch(number)
      let status = try LedgerError.wrapping { () throws(StorageError) in
        try FileStatus.of(path)
      }
      if status == nil { continue }  // reserved, not announced
      let bytes = try LedgerError.wrapping { () throws(StorageError) in
        try WholeFile.read(path, limit: 1 << 20)
      }
      do throws(PlanError) { return try decode(bytes) } catch {
        throw .unreadable(path: path, error)
      }
    }
    return nil
  }

  /// Throws `superseded` where a later coordinator has taken the job over.
  ///
  /// Epochs are reserved one after the other. Opened, not listed: a network file system may list
  /// what it remembers.
  package static func checkNewest(_ epoch: UInt64, in folder: JobFolder) throws(LedgerError) {
    let isReplaced = try LedgerError.wrapping { () throws(StorageError) in
      try File.openIfThere(folder.beat(epoch + 1)) != nil
    }
    if isReplaced { throw .superseded(folder: folder.path, epoch: epoch, by: epoch + 1) }
  }

  /// Numbers of all epochs that were reserved or announced, ascending.
  static func numbers(in folder: JobFolder) throws(LedgerError) -> [UInt64] {
    let names = try LedgerError.wrapping { () throws(StorageError) in
      try FileStatus.of(folder.epochs) == nil ? [] : try Folder.list(folder.epochs)
    }
    var numbers: Set<UInt64> = []
    for name in names {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[1] == "json" || parts[1] == "beat",
        let number = UInt64(parts[0])
      else { continue }
      numbers.insert(number)
    }
    return numbers.sorted()
  }
}
