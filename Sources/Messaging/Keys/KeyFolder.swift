// The folder of keys that `keygen` makes and `--keys` names; mode 0700, secrets 0600:
//
//   DIR/coordinator.public  coordinator.secret  authorized_keys      the coordinator's side
//   DIR/coordinator.public  worker.public  worker.secret             a worker's side
//
// A single worker's files lie in DIR itself, so that one folder serves both sides of a cluster with
// a shared home. Of several workers each has DIR/workers/NAME, to be carried to its host whole.
// A key's file is its Z85 text and a newline.
import Storage

/// Makes and reads folders of keys.
package enum KeyFolder {
  private static let coordinatorName = "coordinator"
  private static let workerName = "worker"
  private static let authorizedKeys = "authorized_keys"
  // A key is 41 bytes; more than this is not one.
  private static let keyByteCountMax: Int64 = 256

  /// Makes a coordinator's key and one for every worker, durably. The folder must be new or empty;
  /// it is left empty where this fails.
  package static func create(_ path: String, workers: [String]) throws(MessagingError) {
    guard !workers.isEmpty, Set(workers).count == workers.count else {
      throw .badNames(count: workers.count)
    }
    for name in workers where !isName(name) { throw .badName(name) }
    try makeFolder(path)
    do throws(StorageError) {
      try fill(path, workers)
    } catch {
      try clear(path)
      throw .storage(error)
    }
  }

  /// The coordinator's key, and the list of workers it admits.
  package static func coordinator(
    _ path: String
  ) throws(MessagingError) -> (KeyPair, AllowList) {
    try PrivateFile.checkFolder(path)
    let keys = try readSecret(Path.join(path, coordinatorName + ".secret"))
    return (keys, try AllowList(path: Path.join(path, authorizedKeys)))
  }

  /// A worker's key, and the key that the coordinator must prove to have.
  package static func worker(
    _ path: String
  ) throws(MessagingError) -> (KeyPair, serverKey: PublicKey) {
    try PrivateFile.checkFolder(path)
    let keys = try readSecret(Path.join(path, workerName + ".secret"))
    return (keys, serverKey: try readPublic(Path.join(path, coordinatorName + ".public")))
  }

  /// True where a worker may be called so: the name stands in lines, in paths and on terminals.
  static func isName(_ name: some StringProtocol) -> Bool {
    guard (1...64).contains(name.utf8.count), !name.hasPrefix("."), !name.hasPrefix("-") else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }

  private static func makeFolder(_ path: String) throws(MessagingError) {
    do throws(StorageError) {
      try Folder.createNew(path, mode: 0o700)
    } catch {
      guard case .exists = error else { throw .storage(error) }
      try PrivateFile.checkFolder(path)
      guard try names(path).isEmpty else { throw .notEmpty(path: path) }
    }
  }

  private static func fill(_ path: String, _ workers: [String]) throws(StorageError) {
    let coordinator = KeyPair.generate()
    try writeSecret(coordinator, Path.join(path, coordinatorName + ".secret"))
    try writePublic(coordinator.publicKey, Path.join(path, coordinatorName + ".public"))
    var lines = """
      # One line per worker: its public key, its name, and what limits it, for example
      # expires=2027-01-31 from=10.0.0.0/8,fd00::/8. Remove a line to shut its worker out.

      """
    for name in workers {
      var folder = path
      if workers.count > 1 {
        let parent = Path.join(path, "workers")
        folder = Path.join(parent, name)
        try Folder.create(parent, mode: 0o700)
        try Folder.createNew(folder, mode: 0o700)
        try writePublic(coordinator.publicKey, Path.join(folder, coordinatorName + ".public"))
      }
      let worker = KeyPair.generate()
      try writeSecret(worker, Path.join(folder, workerName + ".secret"))
      try writePublic(worker.publicKey, Path.join(folder, workerName + ".public"))
      try Folder.flush(folder)
      lines += "\(worker.publicKey) \(name)\n"
    }
    try write(Array(lines.utf8), Path.join(path, authorizedKeys), mode: 0o600)
    if workers.count > 1 { try Folder.flush(Path.join(path, "workers")) }
    try Folder.flush(path)
    try Folder.flush(Path.parent(path))
  }

  /// Removes what `fill` made; the folder itself stays, empty, as one may be given.
  private static func clear(_ path: String) throws(MessagingError) {
    for name in try names(path) {
      do { try Folder.removeTree(Path.join(path, name)) } catch { throw .storage(error) }
    }
  }

  private static func names(_ path: String) throws(MessagingError) -> [String] {
    do { return try Folder.list(path) } catch { throw .storage(error) }
  }

  private static func writePublic(_ key: PublicKey, _ path: String) throws(StorageError) {
    try write(Array((key.text + "\n").utf8), path, mode: 0o644)
  }

  private static func writeSecret(_ keys: KeyPair, _ path: String) throws(StorageError) {
    var bytes = [UInt8](repeating: UInt8(ascii: "\n"), count: PublicKey.characterCount + 1)
    defer { PrivateFile.wipe(&bytes) }
    unsafe keys.withSecret { secret in
      for i in 0..<PublicKey.characterCount { bytes[i] = unsafe UInt8(bitPattern: secret[i]) }
    }
    try write(bytes, path, mode: 0o600)
  }

  private static func write(_ bytes: [UInt8], _ path: String, mode: UInt32) throws(StorageError) {
    let file = try File.create(path, mode: mode)
    try file.write(bytes, at: 0)
    try file.flush()
    try file.close()
  }

  private static func readSecret(_ path: String) throws(MessagingError) -> KeyPair {
    var bytes = try PrivateFile.read(path, .secret, limit: keyByteCountMax)
    defer { PrivateFile.wipe(&bytes) }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    guard let keys = KeyPair(secretText: bytes) else { throw .badKey(path: path) }
    return keys
  }

  private static func readPublic(_ path: String) throws(MessagingError) -> PublicKey {
    let bytes = try PrivateFile.read(path, .readable, limit: keyByteCountMax)
    let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
    guard let key = PublicKey(String(decoding: line, as: UTF8.self)) else {
      throw .badKey(path: path)
    }
    return key
  }
}
