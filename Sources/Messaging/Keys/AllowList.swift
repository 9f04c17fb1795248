// Which keys may work for us. Asked at every handshake and at every message, because ZeroMQ asks
// only at handshakes: a key taken off the list, or expired, is refused at its next message. The
// file, its options in any order:
//
//   # comment
//   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 node-17
//   Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID node-18 expires=2027-01-31 from=10.0.0.0/8,fd00::/8
import Glibc
import Storage
import Synchronization

/// The authorised workers' keys with the workers' names. Safe to share between threads.
///
/// Backed by memory, by a file, or both. The file is looked at whenever a key is asked for and read
/// again where its size, time, mode or inode changed. At the start a bad line is an error; later it
/// authorises nobody and is told once by `takeProblem`. A file that is gone, empty or open to
/// others authorises nobody at all, and counts as out of order, not as a list of no one: workers
/// wait for it to be mended, because editors leave such files for moments.
package final class AllowList: Sendable {
  /// What the list says of a key.
  package enum Verdict: Equatable, Sendable {
    case admitted(name: String)
    case refused(KeyFault)
  }

  private struct State {
    var inserted: [PublicKey: String]
    var listed: [PublicKey: AuthorizedKey] = [:]
    var isUsable = true
    var seen: FileStatus?
    var problem: MessagingError?
  }

  /// The longest file that is read: a hundred thousand workers.
  static let byteCountMax: Int64 = 8 << 20

  private let path: String?
  private let clock: @Sendable () -> Int64
  private let state: Mutex<State>

  /// A list in memory alone.
  package init(_ keys: [PublicKey: String] = [:]) {
    path = nil
    clock = Self.systemClock
    state = Mutex(State(inserted: keys))
  }

  /// A list backed by a file, which must exist and be right now. `clock` gives seconds since 1970.
  package init(
    path: String, clock: @escaping @Sendable () -> Int64 = AllowList.systemClock
  ) throws(MessagingError) {
    self.path = path
    self.clock = clock
    let seen: FileStatus?
    do { seen = try FileStatus.of(path) } catch { throw .storage(error) }
    let (listed, problem) = try Self.read(path)
    if let problem { throw problem }
    state = Mutex(State(inserted: [:], listed: listed, seen: seen))
  }

  /// The machine's clock, which the dates in the file are compared with.
  package static let systemClock: @Sendable () -> Int64 = { Int64(time(nil)) }

  /// Whether a key is good at this moment, used from an address; a peer on a Unix socket has none.
  package func verdict(on key: PublicKey, from address: String) -> Verdict {
    state.withLock { state in
      if let path { Self.refresh(&state, path) }
      if let name = state.inserted[key] { return .admitted(name: name) }
      guard state.isUsable else { return .refused(.listUnusable) }
      guard let entry = state.listed[key] else { return .refused(.notListed) }
      if let fault = entry.fault(at: clock(), from: address) { return .refused(fault) }
      return .admitted(name: entry.name)
    }
  }

  /// The worker's name where the key is good at this moment on this machine's Unix sockets.
  package func name(of key: PublicKey) -> String? {
    guard case .admitted(let name) = verdict(on: key, from: "") else { return nil }
    return name
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
      state.isUsable = true
    } catch {
      state.listed = [:]
      state.isUsable = false
      state.problem = error
    }
  }

  /// All good lines of the file, and what is wrong with the first bad one.
  private static func read(
    _ path: String
  ) throws(MessagingError) -> ([PublicKey: AuthorizedKey], problem: MessagingError?) {
    let bytes = try PrivateFile.read(path, .readable, limit: byteCountMax)
    guard !bytes.isEmpty else { throw .emptyList(path: path) }
    var keys: [PublicKey: AuthorizedKey] = [:]
    var problem: MessagingError?
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let words = String(decoding: line, as: UTF8.self)
        .split { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
      // '#' is a Z85 digit, but of such a value that no key can begin with it.
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      do throws(MessagingError) {
        let (key, entry) = try parse(words, path, line: index + 1)
        guard keys.updateValue(entry, forKey: key) == nil else {
          throw .repeatedKey(path: path, line: index + 1)
        }
      } catch {
        problem = problem ?? error
      }
    }
    return (keys, problem)
  }

  private static func parse(
    _ words: [Substring], _ path: String, line: Int
  ) throws(MessagingError) -> (PublicKey, AuthorizedKey) {
    guard words.count >= 2, let key = PublicKey(words[0]), KeyFolder.isName(words[1]) else {
      throw .badLine(path: path, line: line)
    }
    do throws(AuthorizedKey.BadOption) {
      return (key, try AuthorizedKey(name: String(words[1]), options: words[2...]))
    } catch {
      throw .badOption(path: path, line: line, option: error.text)
    }
  }
}
