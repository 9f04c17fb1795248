// Trials in which somebody else is about: a second coordinator while the first one is only frozen,
// other hosts that looked before, a person who deletes what may be deleted.
import Ledger
import Planning
import Publishing
import Storage

extension LedgerTrial {
  /// Freezes a life after each call that changes anything and that `taking` takes, `stride` apart;
  /// another host's life runs, to its end or until it dies by the fault; then the first one goes
  /// on, and at last one is left alone. Whatever the frozen one does then, no output may suffer.
  package func haunt(
    dyingBy death: DiskFault? = nil, stride: Int = 1,
    taking: @escaping (DiskOperation) -> Bool = { _ in true }
  ) {
    var at = 1 + Int(truncatingIfNeeded: nextSeed()) % stride
    var isOver = false
    while !isOver {
      let disk = start.copy(seed: nextSeed())
      let life = MergeLife(merge, overwrites: overwrites)
      let story = "frozen after call \(at), another coordinator; "
      var count = 0
      _ = live(disk, life, story) { [self, unowned disk] operation in
        guard taking(operation) else { return }
        count += 1
        guard count == at else { return }
        let other = life.copy()
        let faults = death.map { [$0] } ?? []
        if live(disk, other, story, host: "n2", faults: faults) != nil { life.follow(other) }
      }
      isOver = count < at
      finish(disk, MergeLife(merge, overwrites: overwrites), host: "n3", story + lastError + "; ")
      at += stride
    }
  }

  /// Breaks a life off after each call that changes anything; it goes on at once on another host,
  /// which had looked at everything while the first one was at work.
  package func moveOn(_ aftermaths: [Aftermath], stride: Int = 1) {
    let disk = start.copy(seed: nextSeed())
    let life = MergeLife(merge, overwrites: overwrites)
    let witness = disk.process(host: "n2", processID: 1)
    var count = 0
    _ = live(disk, life, "seen by another host; ") { [self, unowned disk] operation in
      count += 1
      if count % 7 == 0 { look(as: witness) }
      guard count % stride == 0 else { return }
      for way in aftermaths {
        let fork = disk.copy(seed: nextSeed())
        if case .powerCut(let loss) = way { fork.cutPower(host: "n1", loss) }
        let story = "call \(count) (\(operation.kind) \(operation.path)) then \(way), other host; "
        let next = life.copy()
        // Fooled by what it remembers, the other host may refuse, or find at the end that the
        // output is there; what it began then is discarded by hand, later.
        if live(fork, next, story, host: "n2") == nil {
          fork.milliseconds += fork.model.staleMilliseconds + 1
          if OutputWatch(merge, expected: expected).isComplete(on: fork) {
            clear(fork)
          }
        }
        finish(fork, next, host: "n2", story)
      }
    }
  }

  /// A person removes the job's folder.
  private func clear(_ disk: SimulatedDisk) {
    let path = merge.folder.path
    do throws(StorageError) {
      try disk.process(host: "n3", processID: 1).run { () throws(StorageError) in
        try Folder.removeTree(path)
      }
    } catch { note("cannot remove \(path): \(error.sentence)") }
  }

  /// What `status` reads; errors are the reader's own.
  private func look(as process: SimulatedProcess) {
    process.run {
      do throws(LedgerError) {
        _ = try FinishMarker.place(in: merge.folder)
        _ = try JobHistory.read(merge.folder, watchMilliseconds: 0)
      } catch {}
    }
  }

  /// Deletes the journal after each call that changes anything, `stride` apart; the life goes on
  /// and must come to its end.
  package func loseJournal(stride: Int = 1) {
    var at = 1
    var isOver = false
    while !isOver {
      let disk = start.copy(seed: nextSeed())
      let person = disk.process(host: "n1", processID: 1)
      let folder = merge.folder
      var count = 0
      let story = "journal deleted after call \(at); "
      let life = MergeLife(merge, overwrites: overwrites)
      let end = live(disk, life, story) { _ in
        count += 1
        guard count == at else { return }
        do throws(StorageError) {
          try person.run { () throws(StorageError) in try Folder.removeTree(folder.journals) }
        } catch { self.note(story + error.sentence) }
      }
      isOver = count < at
      // While the folders are being made or removed, others cannot delete in them without notice.
      if end == nil, disk.exists(folder.plan) { note(story + "then: \(lastError)") }
      finish(disk, life, story)
      at += stride
    }
  }
}
