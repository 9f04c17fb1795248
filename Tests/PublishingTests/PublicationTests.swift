// An output appears whole, once, and again after any crash.
import Planning
import Storage
import TestSupport
import Testing

@testable import Ledger
@testable import Publishing

struct PublicationTests {
  // MARK: The whole

  @Test func `an output holds shards, side files, config, manifest and index`() throws {
    let merge = try TinyOutput()
    let summary = try merge.publish()
    #expect(
      try Folder.list(merge.output) == [
        "code", "config.json", "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors", "model.safetensors.index.json", "shardweld.json",
        "tokenizer.json",
      ])
    #expect(try merge.read("model-00001-of-00002.safetensors") == merge.shard(0))
    #expect(try merge.read("tokenizer.json") == Array(TinyOutput.tokenizer.utf8))
    #expect(try merge.read("code/model.py") == Array("print()\n".utf8))
    #expect(try merge.read("config.json") == Array(TinyOutput.baseConfig.utf8))
    #expect(
      try String(decoding: merge.read("model.safetensors.index.json"), as: UTF8.self) == """
        {
          "metadata": {
            "total_size": 72
          },
          "weight_map": {
            "a.weight": "model-00001-of-00002.safetensors",
            "m.weight": "model-00002-of-00002.safetensors",
            "z.weight": "model-00001-of-00002.safetensors"
          }
        }

        """)
    #expect(summary.shardCount == 2)
    #expect(summary.tensorCount == 3)
    #expect(summary.byteCount == merge.plan.jobs[0].byteCount + merge.plan.jobs[1].byteCount)
    #expect(summary.fileCount == 4)
    #expect(try FileStatus.of(merge.folder.publish) == nil)
  }

  @Test func `a single file has no index`() throws {
    let merge = try TinyOutput(hasIndex: false)
    try merge.publish()
    #expect(
      try Folder.list(merge.output) == [
        "code", "config.json", "model.safetensors", "shardweld.json", "tokenizer.json",
      ])
    #expect(try merge.verify().shardCount == 1)
  }

  @Test func `the same merge writes the same manifest`() throws {
    let one = try TinyOutput()
    let other = try TinyOutput()
    let first = try one.publish()
    let second = try other.publish()
    #expect(try one.read("shardweld.json") == other.read("shardweld.json"))
    #expect(first.outputDigest == second.outputDigest)
    let text = try String(decoding: one.read("shardweld.json"), as: UTF8.self)
    #expect(!text.contains(one.scratch.path))
    #expect(!text.contains("n1"))
  }

  @Test func `a link among the side files is copied as the file it leads to`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("blobs/1", "linked")
    try merge.scratch.link("base/linked.txt", to: merge.scratch("blobs/1"))
    try merge.place()
    _ = try merge.publication(sideFiles: [(merge.scratch("base/linked.txt"), "linked.txt")])
      .finish(commits: merge.commits, overwrite: false)
    #expect(try merge.read("linked.txt") == Array("linked".utf8))
    #expect(try FileDigest.of(merge.output + "/linked.txt", name: "linked.txt").byteCount == 6)
  }

  @Test func `the base's own index is kept where it says the same`() throws {
    let merge = try TinyOutput(layout: .source)
    let index =
      #"{"metadata":{"total_size":72,"total_parameters":18},"weight_map":{"#
      + #""z.weight":"model-00001-of-00002.safetensors","#
      + #""a.weight":"model-00001-of-00002.safetensors","#
      + #""m.weight":"model-00002-of-00002.safetensors"}}"#
    try merge.scratch.write("base/model.safetensors.index.json", index)
    try merge.publish()
    #expect(try merge.read("model.safetensors.index.json") == Array(index.utf8))
    #expect(try merge.verify().shardCount == 2)
  }

  @Test func `the base's index is replaced where it says something else`() throws {
    let merge = try TinyOutput(layout: .source)
    try merge.scratch.write(
      "base/model.safetensors.index.json", #"{"metadata":{"total_size":1},"weight_map":{}}"#)
    try merge.publish()
    #expect(try ShardIndex.decode(merge.read("model.safetensors.index.json")).shards.count == 3)
  }

  // MARK: Again after a crash

  @Test func `placing a shard twice is fine`() throws {
    let merge = try TinyOutput()
    try merge.place()
    try merge.place()
    #expect(try Folder.list(merge.folder.attempts).isEmpty)
    // A second attempt's file goes; the one in place stays.
    try merge.writeAttempt(0)
    try merge.place()
    #expect(try Folder.list(merge.folder.attempts).isEmpty)
  }

  @Test func `finishing twice is fine`() throws {
    let merge = try TinyOutput()
    let first = try merge.publish()
    #expect(try merge.publication.finish(commits: merge.commits, overwrite: false) == first)
    try merge.place()
    #expect(try merge.verify().shardCount == 2)
  }

  @Test func `an interrupted finish is finished, its litter removed`() throws {
    let merge = try TinyOutput()
    try merge.place()
    try WholeFile.write([1], to: merge.folder.published("config.json.part-1-x"))
    try Folder.create(merge.folder.published("old/deep"))
    try WholeFile.write([1], to: merge.folder.published("tokenizer.json"))
    _ = try merge.publication.finish(commits: merge.commits, overwrite: false)
    #expect(try merge.verify().extraFiles.isEmpty)
    #expect(try Folder.list(merge.output).count == 7)
  }

  @Test func `a finish interrupted before the name goes on there`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    try Folder.move(from: merge.output, to: merge.folder.publish)
    #expect(try FinishMarker.place(in: merge.folder) == .ready)
    _ = try merge.publication.finish(commits: [], overwrite: false)
    #expect(try merge.verify().shardCount == 2)
  }

  @Test func `a finish interrupted after the swap removes the old output`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out/old.txt", "old")
    try merge.publish(overwrite: true)
    // As it was just after the swap.
    try merge.scratch.write("out.shardweld/publish/old.txt", "old")
    _ = try merge.publication.finish(commits: merge.commits, overwrite: true)
    #expect(try FileStatus.of(merge.folder.publish) == nil)
    #expect(try merge.verify().extraFiles.isEmpty)
  }

  @Test func `an output that went elsewhere is told`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    try Folder.move(from: merge.output, to: merge.scratch("elsewhere"))
    #expect(
      merge.sentence {
        _ = try merge.publication.finish(commits: merge.commits, overwrite: false)
      } == "the finished output of \(merge.folder.path) was moved or changed while it was "
        + "published; run the same command again")
  }

  // MARK: Names that are taken

  @Test func `an empty output folder is used`() throws {
    let merge = try TinyOutput()
    try Folder.create(merge.output)
    try merge.publish()
    #expect(try merge.verify().tensorCount == 3)
  }

  @Test func `an output that holds something is refused`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out/precious.txt", "mine")
    #expect(
      merge.sentence { try merge.publish() }
        == "\(merge.output) exists already and is not empty; choose another --output, or "
        + "--overwrite to replace it")
    #expect(try Folder.list(merge.output) == ["precious.txt"])
  }

  @Test func `an output that is a file is refused even to overwrite`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out", "mine")
    #expect(
      merge.sentence { try merge.publish(overwrite: true) }
        == "\(merge.output) exists and is not a folder; choose another --output")
  }

  @Test func `overwriting replaces the old output with all it held`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out/model-00009-of-00009.safetensors", "stale")
    try merge.publish(overwrite: true)
    #expect(try merge.verify().extraFiles.isEmpty)
    #expect(try FileStatus.of(merge.folder.publish) == nil)
  }

  @Test func `a shard's name that another file has is refused`() throws {
    let merge = try TinyOutput()
    let path = merge.folder.published(merge.plan.jobs[0].shardName)
    try merge.scratch.write("out.shardweld/publish/model-00001-of-00002.safetensors", "x")
    #expect(
      merge.sentence { try merge.place() }
        == "\(path) has 1 bytes, \(merge.plan.jobs[0].byteCount) expected; merge again, or "
        + "fetch the file again from where it was copied")
  }

  // MARK: Refusals

  @Test func `nothing is published while a job is open`() throws {
    let merge = try TinyOutput()
    try merge.place()
    #expect(
      merge.sentence {
        _ = try merge.publication.finish(commits: [merge.commits[1]], overwrite: false)
      } == "\(merge.output) is not complete: 1 of 2 shards are done; run the same command again "
        + "to go on")
    #expect(try FileStatus.of(merge.output) == nil)
  }

  @Test func `a shard that a crash left without its name is placed at the end`() throws {
    let merge = try TinyOutput()
    try merge.place()
    let record = merge.commits[1]
    let path = merge.folder.published(merge.plan.jobs[1].shardName)
    try WholeFile.moveIfAbsent(from: path, to: merge.folder.shard(record.attempt))
    _ = try merge.publication.finish(commits: merge.commits, overwrite: false)
    _ = try OutputVerifier.verify(merge.output) { _, _ in }
  }

  @Test func `a shard that is gone before the end is told`() throws {
    let merge = try TinyOutput()
    try merge.place()
    let path = merge.folder.published(merge.plan.jobs[1].shardName)
    try Folder.removeTree(path)
    #expect(
      merge.sentence {
        _ = try merge.publication.finish(commits: merge.commits, overwrite: false)
      } == "\(path) is missing; merge again, or fetch the file again from where it was copied")
  }

  @Test(arguments: ["config.json", "model-00001-of-00002.safetensors", "../up", "shardweld.json"])
  func `a side file with a name of ours is refused`(name: String) throws {
    let merge = try TinyOutput()
    try merge.place()
    let from = merge.scratch("base/tokenizer.json")
    #expect(
      merge.sentence {
        _ = try merge.publication(sideFiles: [(from, name)])
          .finish(commits: merge.commits, overwrite: false)
      } == "the base's file \(name) has a name that the output needs for its own; rename it in "
        + "the base")
  }

  @Test func `a shard is checked by size and header`() throws {
    let merge = try TinyOutput()
    let job = merge.plan.jobs[0]
    let remedy = "merge again, or fetch the file again from where it was copied"
    try ShardCheck.check(merge.folder.shard(merge.attempt(0)), against: job)
    let short = try merge.scratch.write("short", Array(merge.shard(0).dropLast()))
    #expect(
      merge.sentence { try ShardCheck.check(short, against: job) }
        == "\(short) has \(job.byteCount - 1) bytes, \(job.byteCount) expected; \(remedy)")
    var bytes = merge.shard(0)
    bytes[17] ^= 4
    let other = try merge.scratch.write("other", bytes)
    #expect(
      merge.sentence { try ShardCheck.check(other, against: job) }
        == "\(other): the header differs from the expected one at byte 17; \(remedy)")
    #expect(
      merge.sentence { try ShardCheck.check("/nowhere/x", against: job) }
        == "/nowhere/x is missing; \(remedy)")
  }

  @Test func `errors of the layers below keep their sentences`() {
    let full = StorageError.noSpace(path: "/x", neededByteCount: 5)
    #expect(PublishingError.storage(full).isNoSpace)
    #expect(PublishingError.ledger(.storage(full)).isNoSpace)
    #expect(PublishingError.ledger(.storage(full)).sentence == full.sentence)
    #expect(!PublishingError.storage(full).isDifference)
  }
}
