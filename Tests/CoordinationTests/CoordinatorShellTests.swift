import Coordination
import Dispatch
import Ledger
import Messaging
import Planning
import Storage
import Synchronization
import TestSupport
import Testing

/// What the shell adds to its machine, with a worker whose bytes the test writes.
@Suite(.serialized, .timeLimit(.minutes(30))) struct CoordinatorShellTests {
  let keys = KeyPair.generate()
  let merge: TinyMerge
  let link: RouterLink
  let peer: DealerLink
  let serverKey: PublicKey

  init() throws {
    merge = try TinyMerge()
    let serverKeys = KeyPair.generate()
    let endpoint = "ipc://" + merge.scratch("socket")
    link = try RouterLink(
      endpoint: endpoint, keys: serverKeys, allowList: AllowList([keys.publicKey: "local"]))
    serverKey = serverKeys.publicKey
    peer = try DealerLink(endpoint: endpoint, serverKey: serverKey, keys: keys)
  }

  /// Runs a shell on this thread until `step`, called a few times each second, says that it is
  /// enough; what was remarked on the way.
  func run(_ step: @escaping ([CoordinationRemark]) -> Bool) throws -> [CoordinationRemark] {
    let ledger = try merge.openLedger()
    let disk = DiskThread(
      DiskWork(
        ledger: ledger, publication: merge.publication, jobs: merge.plan.jobs, overwrites: false))
    var remarks: [CoordinationRemark] = []
    var shell: CoordinatorShell?
    let made = CoordinatorShell(
      jobs: merge.facts(ledger), folder: ledger.folder, epoch: ledger.epoch,
      planDigest: merge.encoded.digest.description, disk: disk, link: link, signals: nil,
      options: CoordinatorShell.Options(),
      report: { _ in
        if step(remarks) { shell?.processes.post(.noneLeft(reason: "enough")) }
      }, remark: { remarks.append($0) })
    shell = made
    _ = made.run()
    shell = nil
    return remarks
  }

  func notes(_ remarks: [CoordinationRemark], _ kind: CoordinatorMachine.Note.Kind) -> [String] {
    remarks.compactMap { remark in
      if case .note(let note) = remark, note.kind == kind { note.text } else { nil }
    }
  }

  func malformed(_ remarks: [CoordinationRemark]) -> Int {
    remarks.count { if case .malformed = $0 { true } else { false } }
  }

  func hello() -> [UInt8] {
    MessageCodec.encode(
      .hello(
        Introduction(host: "n1", processID: 7, threads: 1, memoryByteCount: 1 << 30), held: []),
      Envelope(epoch: 0, session: 5, sequence: 1))
  }

  @Test func `after three messages that are none a key's workers are listened to no more`() throws {
    var sent = 0
    let remarks = try run { remarks in
      // A hello first: the worker is known when it is barred.
      if sent == 0 { sent = peer.send(hello()) ? 1 : 0 }
      if !notes(remarks, .joined).isEmpty, sent < 6 {
        sent += peer.send(Array("GET / HTTP/1.1".utf8)) ? 1 : 0
      }
      return malformed(remarks) >= 3 && sent == 6
    }
    // The fourth and later ones are not even told.
    #expect(malformed(remarks) == 3)
    #expect(
      notes(remarks, .barred) == [
        "3 of its messages were none: the bytes are not a shardweld message: they do not begin "
          + "with SWM"
      ])
  }

  @Test func `two such messages cost nothing`() throws {
    var sent = 0
    let remarks = try run { remarks in
      if sent < 2 { sent += peer.send([1, 2, 3]) ? 1 : 0 }
      if sent == 2 { sent += peer.send(hello()) ? 1 : 0 }
      guard !notes(remarks, .joined).isEmpty else { return false }
      return peer.send(
        MessageCodec.encode(.goodbye, Envelope(epoch: 1, session: 5, sequence: 2)))
    }
    #expect(malformed(remarks) == 2)
    #expect(notes(remarks, .joined).count == 1)
    #expect(notes(remarks, .barred).isEmpty)
  }

  @Test func `a worker whose connection breaks is away at once`() throws {
    // A peer that the test can let go of.
    var mortal: DealerLink? = try DealerLink(
      endpoint: "ipc://" + merge.scratch("socket"), serverKey: serverKey, keys: keys)
    var sent = false
    let remarks = try run { remarks in
      if !sent { sent = mortal?.send(hello()) ?? false }
      if !notes(remarks, .joined).isEmpty { mortal = nil }
      return !notes(remarks, .away).isEmpty
    }
    #expect(notes(remarks, .away) == ["its connection broke"])
  }
}
