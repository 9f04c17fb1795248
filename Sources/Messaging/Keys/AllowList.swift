// Which keys may work for us. Asked at every handshake and at every message, because ZeroMQ asks
// only at handshakes: a key taken off the list is refused at its next message. The file:
//
//   # comment
//   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 node-17
import Storage
import Synchronization

/// The authorised workers' keys with the workers' names. Safe to share between threads.
///
/// Backed by memory, by a file, or both. The file is looked at whenever a key is asked for and read
/// again where its size, time or inode changed. At the start a bad line is an error; later it
/// authorises nobody and is told once by `takeProblem`. A file that is gone or open to others
/// authorises nobody at all.
package final class AllowList: Sendable {
  private struct State {
    var inserted: [PublicKey: String]
    var listed: [PublicKey: String] = [:]
    var seen: FileStatus?
    var problem: MessagingError?
  }

  /// The longest file that is read: a hundred thousand workers.
  static let byteCountMax: Int64 = 8 << 20

  private let path: String?
  private let state: Mutex<State>

  /// A list in memory alone.
  package init(_ keys: [PublicKey: String] = [:]) {
    path = nil
    state = Mutex(State(inserted: keys))
  }

  /// A list backed by a file of lines `KEY NAME`, which must exist and be right now.
  package init(path: String) throws(MessagingError) {
    self.path = path
    let seen: FileStatus?
    do { seen = try FileStatus.of(path) } catch { throw .storage(error) }
    let (listed, problem) = try Self.read(path)
    if let problem { throw problem }
    state = Mutex(State(inserted: [:], listed: listed, seen: seen))
  }

  /// The worker's name where the key is authorised at this moment.
  package func name(of key: PublicKey) -> String? {
    state.withLock { state in
      if let path { Self.refresh(&state, path) }
      return state.inserted[key] ?? state.listed[key]
    }
  }

  /// Authorises a key in memory, beside what the file says.
  package func insert(_ key: PublicKey, name: String) {
    state.withLock { $0.inserted[key] = name }
  }

  /// Takes back what `insert` or the first initialiser gave; the file's keys are the file's.
  package func remove(_ key: PublicKey) {
    state.withLock { _ = $0.inserted.removeValue(forKey: key) }
  }

  /// What was wrong with the file when it was last read again; told once.
  package func takeProblem() -> MessagingError? {
    state.withLock { state in
      defer { state.problem = nil }
      return state.problem
    }
  }

  private static func refresh(_ state: inout State, _ path: String) {
    do throws(StorageError) {
      let now = try FileStatus.of(path)
      guard now != state.seen else { return }
      state.seen = now
    } catch {
      // The file system is at fault, not the file: what was read last still holds.
      state.problem = .storage(error)
      return
    }
    do throws(MessagingError) {
      (state.listed, state.problem) = try read(path)
    } catch {
      state.listed = [:]
      state.problem = error
    }
  }

  /// All good lines of the file, and what is wrong with the first bad one.
  private static func read(
    _ path: String
  ) throws(MessagingError) -> ([PublicKey: String], problem: MessagingError?) {
    let bytes = try PrivateFile.read(path, .readable, limit: byteCountMax)
    var keys: [PublicKey: String] = [:]
    var problem: MessagingError?
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line, as: UTF8.self)
      let words = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      // '#' is a Z85 digit, but of such a value that no key can begin with it.
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      if words.count == 2, let key = PublicKey(words[0]), KeyFolder.isName(words[1]) {
        if keys.updateValue(String(words[1]), forKey: key) != nil, problem == nil {
          problem = .repeatedKey(path: path, line: index + 1)
        }
      } else if problem == nil {
        problem = .badLine(path: path, line: index + 1)
      }
    }
    return (keys, problem)
  }
}
