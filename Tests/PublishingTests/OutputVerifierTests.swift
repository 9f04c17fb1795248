// One bit anywhere, a byte less, a file gone: `verify` finds it and says where.
import Planning
import Storage
import TestSupport
import Testing

@testable import Publishing

struct OutputVerifierTests {
  private let remedy = "merge again, or fetch the file again from where it was copied"

  private func error(_ merge: TinyOutput) -> PublishingError? {
    do throws(PublishingError) {
      _ = try OutputVerifier.verify(merge.output) { _, _ in }
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: ["xxh3", "sha256"])
  func `an output as it was written passes`(digest: String) throws {
    let merge = try TinyOutput(digest: digest)
    try merge.publish()
    try merge.scratch.write("out/README.md", "added later")
    var last: (Int64, Int64) = (0, 0)
    let report = try OutputVerifier.verify(merge.output) { last = ($0, $1) }
    #expect(report.shardCount == 2)
    #expect(report.tensorCount == 3)
    #expect(report.extraFiles == ["README.md"])
    #expect(last == (report.byteCount, report.byteCount))
    #expect(report.manifest.shards[0].digest.hasPrefix(digest))
  }

  @Test func `a bit of a header`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    let name = merge.plan.jobs[0].shardName
    try merge.flip(name, at: 30)
    #expect(
      error(merge)?.sentence
        == "\(merge.output)/\(name): the header differs from the expected one at byte 30; \(remedy)"
    )
    #expect(error(merge)?.isDifference == true)
  }

  @Test func `a bit of a tensor`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    let job = merge.plan.jobs[0]
    try merge.flip(job.shardName, at: Int(job.headerByteCount) + 24 + 5)
    var tensor = TinyOutput.tensor("a.weight")
    let expected = Digest.xxh3(tensor)
    tensor[5] ^= 1
    #expect(
      error(merge)?.sentence == "\(merge.output)/\(job.shardName): tensor a.weight differs: "
        + "digest \(expected) expected, \(Digest.xxh3(tensor)) found; \(remedy)")
  }

  @Test(arguments: ["tokenizer.json", "config.json", "code/model.py"])
  func `a bit of a side file or of the config`(name: String) throws {
    let merge = try TinyOutput()
    try merge.publish()
    let expected = Digest.xxh3(try merge.read(name))
    try merge.flip(name, at: 3)
    let found = Digest.xxh3(try merge.read(name))
    #expect(
      error(merge)?.sentence == "\(merge.output)/\(name) differs: digest \(expected) expected, "
        + "\(found) found; \(remedy)")
  }

  @Test func `a bit in the last of many blocks`() throws {
    let merge = try TinyOutput()
    // Three blocks, each with a byte of its own, so that their order counts.
    var bytes = [UInt8](repeating: 0, count: 9_000_001)
    for block in 0..<3 { bytes[block * BlockReader.blockByteCount + 9] = UInt8(block + 1) }
    try merge.scratch.write("base/big.bin", bytes)
    try merge.place()
    _ = try merge.publication(sideFiles: [(merge.scratch("base/big.bin"), "big.bin")])
      .finish(commits: merge.commits, overwrite: false)
    #expect(try merge.read("big.bin") == bytes)
    var steps = 0
    let report = try OutputVerifier.verify(merge.output) { _, _ in steps += 1 }
    #expect(steps > 3)
    #expect(
      report.manifest.files.first { $0.name == "big.bin" }?.digest
        == Digest.xxh3(bytes).description)
    try merge.flip("big.bin", at: 9_000_000)
    #expect(error(merge)?.sentence.hasPrefix("\(merge.output)/big.bin differs: ") == true)
  }

  @Test func `a whole shard's digest is checked for itself`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    var manifest = try OutputVerifier.manifest(of: merge.output)
    let right = manifest.shards[1].digest
    let wrong = Digest.xxh3("wrong").description
    manifest.shards[1].digest = wrong
    try WholeFile.write(manifest.encode(), to: merge.output + "/shardweld.json")
    #expect(
      error(merge)?.sentence == "\(merge.output)/\(merge.plan.jobs[1].shardName) differs: digest "
        + "\(wrong) expected, \(right) found; \(remedy)")
  }

  @Test func `a shard that is missing or cut short`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    let job = merge.plan.jobs[1]
    let path = "\(merge.output)/\(job.shardName)"
    try WholeFile.write(Array(merge.shard(1).dropLast(3)), to: path)
    #expect(
      error(merge)?.sentence
        == "\(path) has \(job.byteCount - 3) bytes, \(job.byteCount) expected; \(remedy)")
    try Folder.removeTree(path)
    #expect(error(merge)?.sentence == "\(path) is missing; \(remedy)")
  }

  @Test func `a side file that is missing or longer`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    let path = "\(merge.output)/tokenizer.json"
    let byteCount = TinyOutput.tokenizer.utf8.count
    try WholeFile.write(Array(TinyOutput.tokenizer.utf8) + [10], to: path)
    #expect(
      error(merge)?.sentence
        == "\(path) has \(byteCount + 1) bytes, \(byteCount) expected; \(remedy)")
    try Folder.removeTree(path)
    #expect(error(merge)?.sentence == "\(path) is missing; \(remedy)")
  }

  // MARK: The index

  /// Replaces the index and the manifest's word on it, so that only the meaning differs.
  private func error(index: String, _ merge: TinyOutput) throws -> String? {
    try merge.publish()
    var manifest = try OutputVerifier.manifest(of: merge.output)
    let place = try #require(
      manifest.files.firstIndex { $0.name == "model.safetensors.index.json" })
    manifest.files[place] = FileDigest(
      name: "model.safetensors.index.json", bytes: Array(index.utf8))
    try merge.scratch.write("out/model.safetensors.index.json", index)
    try WholeFile.write(manifest.encode(), to: merge.output + "/shardweld.json")
    return error(merge)?.sentence
  }

  private let one = "model-00001-of-00002.safetensors"
  private let two = "model-00002-of-00002.safetensors"

  @Test func `an index that lists a shard too many`() throws {
    let merge = try TinyOutput()
    let index = #"{"weight_map":{"a.weight":"model-00003-of-00003.safetensors"}}"#
    #expect(
      try error(index: index, merge) == "\(merge.output)/model.safetensors.index.json lists "
        + "model-00003-of-00003.safetensors, which the manifest does not know; \(remedy)")
  }

  @Test func `an index that sends a tensor elsewhere`() throws {
    let merge = try TinyOutput()
    let index = #"{"weight_map":{"z.weight":"\#(one)","a.weight":"\#(two)"}}"#
    #expect(
      try error(index: index, merge) == "\(merge.output)/model.safetensors.index.json sends "
        + "a.weight to \(two), \(one) expected; \(remedy)")
  }

  @Test func `an index that misses a tensor`() throws {
    let merge = try TinyOutput()
    let index = #"{"weight_map":{"z.weight":"\#(one)","a.weight":"\#(one)"}}"#
    #expect(
      try error(index: index, merge) == "\(merge.output)/model.safetensors.index.json does not "
        + "list m.weight, \(two) expected; \(remedy)")
  }

  @Test func `an index with a tensor too many`() throws {
    let merge = try TinyOutput()
    let index =
      #"{"weight_map":{"z.weight":"\#(one)","a.weight":"\#(one)","m.weight":"\#(two)","#
      + #""q":"\#(two)"}}"#
    #expect(
      try error(index: index, merge) == "\(merge.output)/model.safetensors.index.json lists q, "
        + "which the manifest does not know; \(remedy)")
  }

  @Test func `an index that is none`() throws {
    let merge = try TinyOutput()
    #expect(
      try error(index: "{}", merge) == "\(merge.output)/model.safetensors.index.json cannot be "
        + "read: member \"weight_map\" is missing; \(remedy)")
  }

  // MARK: The manifest

  @Test func `an output without a manifest is refused`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out/model.safetensors", "x")
    #expect(
      error(merge)?.sentence == "\(merge.output) has no shardweld.json: it was not written by "
        + "shardweld merge, or is not complete")
    #expect(error(merge)?.isDifference == false)
  }

  @Test func `a foreign manifest is refused`() throws {
    let merge = try TinyOutput()
    try merge.scratch.write("out/shardweld.json", "{}")
    #expect(
      error(merge)?.sentence == "\(merge.output)/shardweld.json is not a manifest that this "
        + "shardweld can read: member \"manifest\" is missing")
  }

  @Test func `a bit of a digest in the manifest`() throws {
    let merge = try TinyOutput()
    try merge.publish()
    let text = try String(decoding: merge.read("shardweld.json"), as: UTF8.self)
    let manifest = try OutputVerifier.manifest(of: merge.output)
    let digest = manifest.files[0].digest
    let last: Character = digest.last == "0" ? "1" : "0"
    let parts = text.split(separator: digest, omittingEmptySubsequences: false)
    try merge.scratch.write(
      "out/shardweld.json", parts.joined(separator: digest.dropLast() + String(last)))
    #expect(
      error(merge)?.sentence.contains(
        "member \"output\" cannot be \(manifest.outputDigest), its files give") == true)
    #expect(error(merge)?.isDifference == true)
  }
}
