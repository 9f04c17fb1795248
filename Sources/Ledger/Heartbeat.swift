// epoch/000003.beat: proves to other machines that the third coordinator lives. Read by change of
// content alone, never by clocks: file systems and hosts do not agree on the time.
//
//   {"beat":17,"host":"n1","bootID":"0e3f…","processID":71}
import OrderedJSON
import Planning
import Storage

struct Heartbeat: Equatable {
  var beat: UInt64
  var host: String
  var bootID: String
  var processID: Int

  func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("beat", beat)
      writer.member("host", host)
      writer.member("bootID", bootID)
      writer.member("processID", processID)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// What a beat's file says; nil where it is torn or from another version.
  static func decode(_ bytes: [UInt8]) -> Heartbeat? {
    do throws(JSONError) {
      let tree = try JSON(parsing: bytes)
      guard let beat = tree["beat"]?.int, let host = tree["host"]?.text,
        let bootID = tree["bootID"]?.text, let processID = tree["processID"]?.int
      else { return nil }
      return Heartbeat(
        beat: UInt64(clamping: beat), host: host, bootID: bootID, processID: processID)
    } catch {
      return nil
    }
  }

  /// Bytes of a beat's file, opened anew so that no client's cache answers; nil where it is gone.
  static func read(_ path: String) throws(LedgerError) -> [UInt8]? {
    try LedgerError.wrapping { () throws(StorageError) in
      guard try FileStatus.of(path) != nil else { return nil }
      do throws(StorageError) {
        return try WholeFile.read(path, limit: 1 << 16)
      } catch .ended {
        return []  // caught between the size and the bytes
      }
    }
  }
}
