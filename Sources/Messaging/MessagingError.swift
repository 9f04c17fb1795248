// Everything that can go wrong with keys, addresses and sockets, as facts; `sentence` is the prose.
import CZeroMQ
package import Storage

/// A key, an address or a socket that cannot be used.
package enum MessagingError: Error, Equatable {
  /// The file system refused.
  case storage(StorageError)
  /// No such file or folder.
  case missing(path: String)
  /// A link where the thing itself must be.
  case isLink(path: String)
  /// Something else where a folder must be.
  case notAFolder(path: String)
  /// Owned by somebody else.
  case notOurs(path: String, owner: UInt32, expected: UInt32)
  /// Others may read or change what must be private.
  case loose(path: String, mode: UInt32, expected: UInt32)
  /// A file that does not hold one key.
  case badKey(path: String)
  /// A line of the authorised keys that does not begin with `key name`.
  case badLine(path: String, line: Int)
  /// An option behind a key and a name that is none, or cannot be read.
  case badOption(path: String, line: Int, option: String)
  /// A key that an earlier line authorises already.
  case repeatedKey(path: String, line: Int)
  /// A list of authorised keys without a byte: one that is just being written.
  case emptyList(path: String)
  /// A worker's name that cannot name a folder or stand in a line.
  case badName(String)
  /// A name given to two workers, or no name at all.
  case badNames(count: Int)
  /// A folder for new keys that holds something.
  case notEmpty(path: String)
  /// An address that is neither `tcp://HOST:PORT` nor `ipc://PATH`.
  case badEndpoint(String)
  /// A socket's path longer than the kernel allows.
  case pathTooLong(path: String, limit: Int, found: Int)
  /// A file that is no socket, where a socket should be made.
  case occupied(path: String)
  /// A socket that another process serves.
  case inUse(path: String)
  /// The address cannot be listened on.
  case listen(endpoint: String, code: Int32)
  /// The address cannot be connected to.
  case connect(endpoint: String, code: Int32)
  /// A socket cannot be made or set up.
  case socket(code: Int32)
  /// The installed libzmq cannot encrypt.
  case noEncryption
  /// A key nobody authorised was admitted.
  case open(endpoint: String)
  /// The test of our own door got no answer.
  case noAnswer(endpoint: String, milliseconds: Int)

  /// What failed, on what, expected and found, what to do next.
  package var sentence: String {
    switch self {
    case .storage(let error): error.sentence
    case .missing, .isLink, .notAFolder, .notOurs, .loose, .notEmpty: pathSentence
    case .badKey, .badLine, .badOption, .repeatedKey, .emptyList, .badName, .badNames: keySentence
    default: linkSentence
    }
  }

  private var pathSentence: String {
    switch self {
    case .missing(let path): "\(path) does not exist; make keys with: shardweld keygen DIR"
    case .isLink(let path): "\(path) is a link; give the file or folder itself"
    case .notAFolder(let path): "\(path) is not a folder"
    case .notOurs(let path, let owner, let expected):
      "\(path) belongs to user \(owner), expected user \(expected): who owns it could change it"
    case .loose(let path, let mode, let expected):
      "\(path) is open to other users: mode \(Self.octal(expected)) expected, "
        + "\(Self.octal(mode)) found; run: chmod \(Self.octal(expected)) \(path)"
    case .notEmpty(let path): "\(path) is not empty; give a new folder for the keys"
    default: unreachable("not about a path: \(self)")
    }
  }

  private var keySentence: String {
    switch self {
    case .badKey(let path):
      "\(path) does not hold a key: one line of 40 Z85 characters expected; copy the file again"
    case .badLine(let path, let line):
      "\(path) line \(line) does not authorise a worker: 'KEY NAME [OPTIONS]' expected, "
        + "a key of 40 Z85 characters and a name of letters, digits, '.', '_' and '-'"
    case .badOption(let path, let line, let option):
      "\(path) line \(line) authorises nobody, its option '\(option)' cannot be read: "
        + "expires=2027-01-31, expires=2027-01-31T00:00:00Z (UTC) or from=10.0.0.0/8,fd00::/8 "
        + "expected, each at most once"
    case .emptyList(let path):
      "\(path) is empty and authorises nobody; "
        + "write one line per worker, or a comment to shut out all of them"
    case .repeatedKey(let path, let line):
      "\(path) line \(line) authorises a key that an earlier line has; remove one of the two"
    case .badName(let name):
      "'\(name)' cannot name a worker: 1 to 64 letters, digits, '.', '_' and '-' expected, "
        + "not beginning with '.' or '-'"
    case .badNames(let count):
      "\(count) names of workers were given: at least one expected, and no name twice"
    default: unreachable("not about a key: \(self)")
    }
  }

  private var linkSentence: String {
    switch self {
    case .badEndpoint(let text):
      "'\(text)' is not an address: tcp://HOST:PORT or ipc://PATH expected"
    case .pathTooLong(let path, let limit, let found):
      "the socket's path \(path) is too long: at most \(limit) bytes expected, \(found) found; "
        + "use a shorter folder, for example one below /tmp"
    case .occupied(let path):
      "\(path) exists and is not a socket; listening there would replace it: give another path"
    case .inUse(let path): "another process listens on \(path); stop it or give another path"
    case .listen(let endpoint, let code): "cannot listen on \(endpoint): \(Self.text(of: code))"
    case .connect(let endpoint, let code):
      "cannot connect to \(endpoint): \(Self.text(of: code)); "
        + "tcp://HOST:PORT or ipc://PATH expected"
    case .socket(let code): "cannot make a ZeroMQ socket: \(Self.text(of: code))"
    case .noEncryption:
      "the installed libzmq cannot encrypt; install a libzmq built with libsodium (CURVE)"
    case .open(let endpoint):
      "\(endpoint) admitted a key that nobody authorised; no job is given out: "
        + "the installed libzmq does not ask for authorisation"
    case .noAnswer(let endpoint, let milliseconds):
      "\(endpoint) did not answer its own test within \(milliseconds) ms; "
        + "is the address one of this machine?"
    default: unreachable("not about a link: \(self)")
    }
  }

  private static func text(of code: Int32) -> String {
    guard let text = unsafe zmq_strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
