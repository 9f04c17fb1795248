// `status` and `explain` on a merge that was really done.
import OrderedJSON
import Planning
import Publishing
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Ledger
@testable import shardweld

struct StoryTests {
  let scratch = Scratch()
  private let module = "model.layers.0.self_attn.q_proj"

  /// Merges a model of two tensors, with a folder that is kept.
  private func merge() throws {
    var generator = SeededGenerator(seed: 3)
    try scratch.write(
      "base/model.safetensors",
      [
        SampleTensor("\(module).weight", .bf16, [8, 8], from: &generator),
        SampleTensor("model.norm.weight", .bf16, [8], from: &generator),
      ])
    try scratch.write("base/config.json", #"{"model_type": "llama"}"#)
    try scratch.write(
      "style/adapter_model.safetensors",
      [
        SampleTensor("base_model.model.\(module).lora_A.weight", .f32, [2, 8], from: &generator),
        SampleTensor("base_model.model.\(module).lora_B.weight", .f32, [8, 2], from: &generator),
      ])
    try scratch.write(
      "style/adapter_config.json", #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#)
    var flags = MergeFlags()
    flags.base = scratch("base")
    flags.adapters = [AdapterChoice(path: scratch("style"), strength: 1)]
    flags.output = scratch("out")
    flags.keepJob = true
    _ = try Pipeline.run(flags) { _ in true }
  }

  private func status(_ output: String, json: Bool = false) throws -> String {
    var flags = StatusFlags()
    flags.output = scratch(output)
    flags.json = json
    return try StatusCommand.text(flags, now: 0)
  }

  private func explain(_ output: String, _ name: String, json: Bool = false) throws -> String {
    var flags = ExplainFlags()
    flags.output = scratch(output)
    flags.name = name
    flags.json = json
    return try ExplainCommand.text(flags, now: 0)
  }

  @Test func `the folder and afterwards the manifest tell the same tensor`() throws {
    try merge()
    let kept = try status("out")
    #expect(kept.contains("\nstate        finished\n"))
    #expect(kept.contains("\njobs         1 of 1 done, 0 left\n"))
    #expect(try status("out.shardweld") == kept)
    let before = try ToldMerge.parse(explain("out.shardweld", "\(module).weight", json: true))
    #expect(before["work"]?["state"]?.text == "committed")
    #expect(before["updates"]?.elements?[0]["origin"]?.text == "lora_alpha 4.0 / r 2")
    #expect(try explain("out", "0").contains("model.norm.weight"))

    try Folder.removeTree(scratch("out.shardweld"))
    let after = try ToldMerge.parse(explain("out.shardweld", "\(module).weight", json: true))
    for key in ["name", "dtype", "shape", "change", "job", "shard", "offset", "bytes", "digest"] {
      #expect(before[key] == after[key], "\(key)")
    }
    #expect(before["source"]?["digest"] == after["source"]?["digest"])
    #expect(
      before["updates"]?.elements?[0]["tensors"] == after["updates"]?.elements?[0]["tensors"])

    // The bytes named are the tensor's.
    let offset = try #require(after["offset"]?.int)
    let byteCount = try #require(after["bytes"]?.int)
    let shard = try scratch.read("out/model.safetensors")
    #expect(
      Digest.xxh3(Array(shard[offset..<(offset + byteCount)])).description == after["digest"]?.text)

    let finished = try ToldMerge.parse(status("out", json: true))
    #expect(finished["state"]?.text == "finished" && finished["job"] == .null)
    #expect(finished["tensors"]?.int == 2 && finished["changed"]?.int == 1)
    #expect(finished["adapters"]?.elements?[0]["name"]?.text == "style")
    #expect(
      try status("out").contains("\nadapter    style (LORA)\ntensors    2: 1 changed, 1 copied\n"))
    #expect(try explain("out", "model.safetensors").contains("  model.norm.weight"))
  }

  @Test func `another output in the place of this one is not taken for it`() throws {
    try merge()
    let path = scratch("out.shardweld/commit/00000.json")
    var record = try CommitRecord.decode(WholeFile.read(path))
    record.digest = Digest.xxh3("other").description
    try WholeFile.write(record.encode(), to: path)
    #expect(try status("out").contains("\nstate        stopped\n"))
  }

  @Test func `a place without a merge is bad input`() throws {
    let error = #expect(throws: CommandError.self) { try status("nothing") }
    #expect(
      error?.sentence == "there is no merge at \(scratch("nothing")): neither "
        + "\(scratch("nothing")).shardweld nor \(scratch("nothing"))/shardweld.json exists; give "
        + "the --output of a merge")
    #expect(error?.exitCode == .badInput)
  }

  @Test func `a merge without a plan yet is told so`() throws {
    try Folder.create(scratch("new.shardweld"))
    let error = #expect(throws: CommandError.self) { try explain("new", "0") }
    #expect(
      error?.sentence == "\(scratch("new")).shardweld has no plan.json: a merge is only just "
        + "beginning there, or it was cut off before it began; ask again in a moment, or run the "
        + "same command again")
    #expect(error?.exitCode == .badInput)
  }

  @Test func `a damaged manifest is named`() throws {
    try scratch.write("out/shardweld.json", "{")
    let error = #expect(throws: CommandError.self) { try status("out") }
    #expect(
      error?.sentence.hasPrefix("\(scratch("out"))/shardweld.json is not a manifest that this")
        == true)
    #expect(error?.exitCode == .failed)
  }
}
