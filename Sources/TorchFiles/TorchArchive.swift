// The two ways in which torch.save wrote through the years, as one thing: a pickle, and where the
// bytes of its storages lie. Since torch 1.6 it is a zip,
//
//   NAME/data.pkl   NAME/byteorder   NAME/data/0   NAME/data/1   …   NAME/version
//
// before (and where `_use_new_zipfile_serialization=False` is given) five pickles, then the bytes:
//
//   magic number · 1001 · {"little_endian": True, …} · the object · ["key", …]
//   for each key: 8 bytes, how many elements; the elements
import Storage

/// A file that torch saved, its pickle run.
struct TorchArchive {
  let root: PickleValue
  let heap: PickleHeap
  /// Where the bytes of a storage lie, by its key; the storages that tensors speak of alone.
  let storages: [String: Range<Int64>]
  /// XXH3-128 of what describes the tensors.
  let digest: Digest

  static func read(_ file: borrowing File, byteCount: Int64) throws(TorchReadError) -> TorchArchive
  {
    let start = try reading { () throws(StorageError) in
      try file.read(count: Int(min(byteCount, 512)), at: 0)
    }
    if start.isEmpty { throw .fault(.empty) }
    if start.starts(with: "version https://git-lfs".utf8) { throw .fault(.gitPointer) }
    if start.starts(with: [0x50, 0x4B, 3, 4]) { return try readZip(file, byteCount) }
    if start.starts(with: OldFormat.magic) { return try OldFormat.read(file, byteCount) }
    if start.dropFirst(257).starts(with: "ustar".utf8) { throw .fault(.tar) }
    throw .fault(.foreign)
  }

  private static func readZip(
    _ file: borrowing File, _ byteCount: Int64
  ) throws(TorchReadError) -> TorchArchive {
    let zip = try ZipArchive(file, byteCount: byteCount)
    let pickles = zip.members.keys.filter { $0.utf8.split(separator: 0x2F).count == 2 }
      .filter { $0.hasSuffix("/data.pkl") }
    guard let name = pickles.first else { throw .fault(.noPickle) }
    guard pickles.count == 1 else { throw .fault(.severalPickles) }
    let folder = String(name.dropLast("data.pkl".count))
    if zip.members[folder + "constants.pkl"] != nil { throw .fault(.torchScript) }
    if let order = zip.members[folder + "byteorder"] {
      guard try Self.bytes(of: order, zip, file, limit: 64) == Array("little".utf8) else {
        throw .fault(.bigEndian)
      }
    }
    let pickle = try Self.bytes(
      of: zip.members[name]!, zip, file, limit: TorchFile.pickleByteCountMax)
    var machine = PickleMachine(pickle)
    let root = try judging { () throws(TorchFault) in try machine.run() }
    var storages: [String: Range<Int64>] = [:]
    for storage in machine.heap.storages where storages[storage.key] == nil {
      guard let member = zip.members[folder + "data/" + storage.key] else { continue }
      storages[storage.key] = try zip.range(of: member, in: file)
    }
    var digester = Digester(.xxh3)
    unsafe digester.update(pickle.span.bytes)
    unsafe digester.update(zip.directoryBytes.span.bytes)
    return TorchArchive(
      root: root, heap: machine.heap, storages: storages, digest: digester.finish())
  }

  private static func bytes(
    of member: ZipArchive.Member, _ zip: ZipArchive, _ file: borrowing File, limit: Int64
  ) throws(TorchReadError) -> [UInt8] {
    let range = try zip.range(of: member, in: file)
    guard member.byteCount <= limit else { throw .fault(.longPickle(byteCount: member.byteCount)) }
    return try reading { () throws(StorageError) in
      try file.read(count: Int(member.byteCount), at: range.lowerBound)
    }
  }
}

/// Torch's format before the zip.
private enum OldFormat {
  /// PROTO 2, LONG1 of ten bytes: 0x1950A86A20F9469CFC6C, STOP.
  static let magic: [UInt8] = [
    0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// Reads more and more of the file until its pickles are whole: their length stands nowhere.
  static func read(
    _ file: borrowing File, _ byteCount: Int64
  ) throws(TorchReadError) -> TorchArchive {
    var count = min(byteCount, 1 << 20)
    while true {
      let bytes = try reading { () throws(StorageError) in
        try file.read(count: Int(count), at: 0)
      }
      do throws(TorchReadError) {
        return try read(bytes, file, byteCount)
      } catch {
        guard case .fault(.pickleEnds) = error, count < byteCount else { throw error }
        guard count < TorchFile.pickleByteCountMax else {
          throw .fault(.longPickle(byteCount: byteCount))
        }
        count = min(byteCount, count * 4, TorchFile.pickleByteCountMax)
      }
    }
  }

  private static func read(
    _ bytes: [UInt8], _ file: borrowing File, _ byteCount: Int64
  ) throws(TorchReadError) -> TorchArchive {
    var position = magic.count
    func run() throws(TorchReadError) -> (PickleValue, PickleHeap) {
      var machine = PickleMachine(bytes, at: position)
      let value = try judging { () throws(TorchFault) in try machine.run() }
      position = machine.position
      return (value, machine.heap)
    }
    guard try run().0 == .integer(1001) else { throw .fault(.oldFormat(part: "version")) }
    let (system, systemHeap) = try run()
    guard case .dict(let place) = system else { throw .fault(.oldFormat(part: "system")) }
    for (key, value) in systemHeap.dicts[place] where key == .text("little_endian") {
      guard value == .bool(true) else { throw .fault(.bigEndian) }
    }
    let (root, heap) = try run()
    let (list, listHeap) = try run()
    guard case .list(let place) = list else { throw .fault(.oldFormat(part: "list of storages")) }

    var sizes: [String: Int] = [:]
    for storage in heap.storages {
      sizes[storage.key] = max(sizes[storage.key] ?? 0, storage.element?.byteCount ?? 1)
    }
    var storages: [String: Range<Int64>] = [:]
    var offset = Int64(position)
    for value in listHeap.lists[place] {
      guard case .text(let key) = value, let size = sizes[key], storages[key] == nil else {
        throw .fault(.oldFormat(part: "list of storages"))
      }
      guard byteCount - offset >= 8 else { throw .fault(.storageBeyondFile(key)) }
      let length = LittleEndian(
        try reading { () throws(StorageError) in try file.read(count: 8, at: offset) })
      let room = UInt64(byteCount - offset - 8)
      guard length.word(0, 8) <= room / UInt64(size) else {
        throw .fault(.storageBeyondFile(key))
      }
      let end = offset + 8 + Int64(length.word(0, 8)) * Int64(size)
      storages[key] = (offset + 8)..<end
      offset = end
    }
    var digester = Digester(.xxh3)
    unsafe digester.update(bytes.span.bytes.extracting(..<position))
    return TorchArchive(root: root, heap: heap, storages: storages, digest: digester.finish())
  }
}
