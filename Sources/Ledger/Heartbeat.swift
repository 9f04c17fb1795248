// epoch/000003.beat: proves to other machines that the third coordinator lives. Read by change of
// content alone, never by clocks: file systems and hosts do not agree on the time.
//
//   {"beat":17,"host":"n1","bootID":"0e3f…","processID":71,"locked":true}
import OrderedJSON
import Planning
import Storage

struct Heartbeat: Equatable {
  var beat: UInt64
  var host: String
  var bootID: String
  var processID: Int
  /// It holds the folder's lock: who is of its machine and can take that knows it dead.
  var isLocked: Bool

  /// Beats are written over each other; always as long as this, so that a full disk, which takes no
  /// byte more, lets them through.
  private static let byteCount = 512

  func encode() -> [UInt8] {
    var writer = JSONWriter(indent: nil)
    writer.object { writer in
      writer.member("beat", beat)
      writer.member("host", host)
      writer.member("bootID", bootID)
      writer.member("processID", processID)
      writer.member("locked", .bool(isLocked))
    }
    let fill = max(0, Self.byteCount - 1 - writer.bytes.count)
    return writer.bytes + Array(repeating: UInt8(ascii: " "), count: fill)
      + [UInt8(ascii: "\n")]
  }

  /// What a beat's file says; nil where it is torn or from another version.
  static func decode(_ bytes: [UInt8]) -> Heartbeat? {
    do throws(JSONError) {
      let tree = try JSON(parsing: bytes)
      guard let beat = tree["beat"]?.int, let host = tree["host"]?.text,
        let bootID = tree["bootID"]?.text, let processID = tree["processID"]?.int
      else { return nil }
      return Heartbeat(
        beat: UInt64(clamping: beat), host: host, bootID: bootID, processID: processID,
        isLocked: tree["locked"]?.bool ?? false)
    } catch {
      return nil
    }
  }

  /// Bytes of a beat's file, opened anew so that no client's cache answers; nil where it is gone.
  static func read(_ path: String) throws(LedgerError) -> [UInt8]? {
    try LedgerError.wrapping { () throws(StorageError) in
      guard let file = try File.openIfThere(path) else { return nil }
      do throws(StorageError) {
        return try file.read(count: Int(min(try file.status().byteCount, 1 << 16)), at: 0)
      } catch .ended {
        return []  // caught between the size and the bytes
      }
    }
  }
}
