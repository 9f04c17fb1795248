// Which of two folders is the merge's own after a crash in the moment of publication.
import Planning
import Storage
import TestSupport
import Testing

@testable import Ledger

struct FinishMarkerTests {
  private func manifest(_ folder: String, _ text: String) throws {
    try Folder.create(folder)
    try WholeFile.write(Array(text.utf8), to: Path.join(folder, JobFolder.manifestName))
  }

  /// A job's folder with its marker, publish/ holding the manifest `ours`.
  private func marked(_ merge: TinyMerge) throws -> FinishMarker {
    try manifest(merge.folder.publish, "ours")
    let marker = FinishMarker(
      output: merge.scratch("out"), manifestDigest: Digest.xxh3("ours").description,
      inode: try #require(try FileStatus.of(merge.folder.publish)).inode)
    try marker.write(in: merge.folder)
    return marker
  }

  @Test func `a marker reads back`() throws {
    let merge = try TinyMerge()
    #expect(try FinishMarker.read(in: merge.folder) == nil)
    #expect(try FinishMarker.place(in: merge.folder) == .growing)
    let marker = try marked(merge)
    #expect(try FinishMarker.read(in: merge.folder) == marker)
    try WholeFile.write([1], to: merge.folder.finish)
    let error = #expect(throws: LedgerError.self) {
      try FinishMarker.read(in: merge.folder)
    }
    #expect(error?.sentence.hasPrefix("\(merge.folder.finish) is damaged: ") == true)
  }

  @Test func `before and after the output takes its name`() throws {
    let merge = try TinyMerge()
    _ = try marked(merge)
    #expect(try FinishMarker.place(in: merge.folder) == .ready)
    try Folder.move(from: merge.folder.publish, to: merge.scratch("out"))
    #expect(try FinishMarker.place(in: merge.folder) == .published)
  }

  @Test(arguments: ["theirs", "ours"])
  func `before and after two outputs swap names`(old: String) throws {
    let merge = try TinyMerge()
    _ = try marked(merge)
    // The old output may even have the same manifest: the same merge, damaged and repeated.
    try manifest(merge.scratch("out"), old)
    #expect(try FinishMarker.place(in: merge.folder) == .ready)
    #expect(try Folder.exchange(merge.folder.publish, merge.scratch("out")))
    #expect(try FinishMarker.place(in: merge.folder) == .published)
  }

  @Test func `a result that is in neither place is lost and begun again`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 {
        try merge.writePublished(job)
        _ = try ledger.commit(merge.commitRecord(job))
      }
      _ = try marked(merge)
    }
    try manifest(merge.folder.publish, "edited")
    #expect(try FinishMarker.place(in: merge.folder) == .lost)
    let ledger = try merge.open()
    #expect(ledger.committed.isEmpty)
    #expect(try FinishMarker.place(in: merge.folder) == .growing)
    #expect(try !merge.exists(merge.folder.publish))
  }

  @Test func `commits of a published output stand`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 {
        try merge.writePublished(job)
        _ = try ledger.commit(merge.commitRecord(job))
      }
      _ = try marked(merge)
      try Folder.move(from: merge.folder.publish, to: merge.scratch("out"))
    }
    let ledger = try merge.open()
    #expect(ledger.committed.count == 2)
  }

  @Test func `a whole result that loses a shard is whole no longer`() throws {
    let merge = try TinyMerge()
    do {
      let ledger = try merge.open()
      for job in 0...1 {
        try merge.writePublished(job)
        _ = try ledger.commit(merge.commitRecord(job))
      }
      _ = try marked(merge)
    }
    try Folder.removeTree(merge.folder.published(merge.plan.jobs[0].shardName))
    let ledger = try merge.open()
    #expect(ledger.committed.keys.sorted() == [1])
    #expect(try FinishMarker.place(in: merge.folder) == .growing)
    #expect(try merge.exists(merge.folder.published(merge.plan.jobs[1].shardName)))
  }
}
