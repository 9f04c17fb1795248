import Ledger
import OrderedJSON
import Planning
import Publishing
import Testing

@testable import shardweld

struct ExplainTests {
  typealias Merge = ToldMerge
  private let now = ToldMerge.start + 12_000

  @Test func `a changed tensor is told from its bytes to its commit`() {
    let story = TensorStory(Merge.atWork(), job: 0, index: 0, now: now)
    #expect(
      story.text == """
        tensor     q.weight
        change     changed by what follows
        source     /base/model.safetensors
                   bytes 1000 up to 1064 (64 B)
                   BF16, 8 x 4
                   \(Merge.digest("source q.weight"))
        update 1   lora rank 2 × 1.5  (lora_alpha 6 / r 2)
                   adapter /style (LORA) × 0.5
                   tensor q.lora_A.weight
                   tensor q.lora_B.weight
        output     BF16, 8 x 4
                   \(Merge.digest("output q.weight"))
        shard      model-00001-of-00002.safetensors, job 0
                   bytes 400 up to 464 (64 B)
        state      committed
        merged by  n1/7 in 2.1 s
        when       2026-03-01T12:00:04.000Z to 2026-03-01T12:00:08.000Z
        read back  by n2/8
        attempts   2, committed is 00000-e1-a2
        record     /out.shardweld/commit/00000.json

        attempts
          attempt      task       worker  begun                      took  end
          00000-e1-a1  merge      n2/8    2026-03-01T12:00:00.000Z  3.0 s  failed: the disk is gone
          00000-e1-a2  merge      n1/7    2026-03-01T12:00:04.000Z  2.0 s  committed
                       read back  n2/8    2026-03-01T12:00:06.000Z  1.0 s  read back the same

        """)
  }

  @Test func `updates that differ in their window alone are one`() throws {
    let story = TensorStory(Merge.atWork(), job: 0, index: 1, now: now)
    #expect(story.steps.count == 1)
    #expect(story.text.contains("           rows 0 up to 2, columns 0 up to 4\n"))
    #expect(story.text.contains("           rows 4 up to 6, columns 0 up to 4\n"))
    let json = try Merge.parse(story.json)
    let windows = try #require(json["updates"]?.elements?.first?["windows"]?.elements)
    #expect(windows.map { $0["rows"]?.elements?.map(\.int) } == [[0, 2], [4, 6]])
  }

  @Test func `a tensor that is not done has no digests yet`() throws {
    let story = TensorStory(Merge.atWork(), job: 1, index: 1, now: now)
    #expect(story.text.contains("\nchange  converted to another dtype, otherwise as in the base\n"))
    #expect(story.text.contains("\n        no digest yet\n"))
    #expect(story.text.contains("\nstate   being merged by n1/7 for 5.0 s\n"))
    let json = try Merge.parse(story.json)
    #expect(json["change"]?.text == "converted")
    #expect(json["dtype"]?.text == "F32" && json["source"]?["dtype"]?.text == "BF16")
    #expect(json["digest"] == .null && json["work"]?["commit"] == .null)
    #expect(json["work"]?["state"]?.text == "merge")
    #expect(json["work"]?["attempts"]?.elements?[0]["ending"] == .null)
    #expect(json["offset"]?.int == 464 && json["bytes"]?.int == 128)
  }

  @Test func `a job is told with attempts, events and tensors`() throws {
    let story = JobStory(Merge.atWork(), job: 0, now: now)
    let lines = story.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines.prefix(5) == [
        "job        0", "shard      model-00001-of-00002.safetensors",
        "bytes      592 (592 B), header 400", "tensors    3: 2 changed, 1 copied",
        "digest     \(Merge.digest("model-00001-of-00002.safetensors"))",
      ])
    #expect(lines.contains("events") && lines.contains("attempts"))
    #expect(
      story.text.hasSuffix(
        """

        tensors
          tensor      dtype  shape  offset  bytes  change
          q.weight    BF16   8 x 4     400   64 B  lora rank 2 × 1.5 (lora_alpha 6 / r 2)
          qkv.weight  BF16   8 x 4     464   64 B  lora rank 2 × 1.5 (lora_alpha 6 / r 2)
          norm        BF16   8 x 4     528   64 B  copied

        """))
    let json = try Merge.parse(story.json)
    #expect(json["kind"]?.text == "job" && json["changed"]?.int == 2)
    #expect(
      json["work"]?["attempts"]?.elements?.map { $0["ending"]?.text } == ["failed", "committed"])
    #expect(json["work"]?["commit"]?["readBackBy"]?.text == "n2/8")
    #expect(json["events"]?.elements?.count == 7)
    #expect(json["contents"]?.elements?[2]["updates"] == .null)
  }

  @Test func `a job's state is told in words`() {
    func state(_ journal: [JournalEntry], isRunning: Bool = true) -> String {
      JobWork(Merge.history(journal, isRunning: isRunning), job: 0, now: now).stateText
    }
    let assigned = Merge.note(2, "assigned", Merge.attempt(0), "a/1", "merge")
    let merged = Merge.note(4, "merged", Merge.attempt(0), "a/1")
    let reading = Merge.note(6, "assigned", Merge.attempt(0), "b/2", "readBack")
    let read = Merge.note(7, "readBack", Merge.attempt(0), "b/2")
    #expect(state([]) == "waiting for a worker")
    #expect(state([], isRunning: false) == "not done")
    #expect(state([assigned], isRunning: false) == "not done, tried 1 time")
    #expect(state([assigned, merged]) == "written, waiting for its check for 8.0 s")
    #expect(state([assigned, merged, reading]) == "being read back by b/2 for 6.0 s")
    #expect(state([assigned, merged, reading, read]) == "read back, being committed for 5.0 s")
  }

  private var manifest: Manifest {
    let plan = Merge.plan
    return Manifest(
      tool: "shardweld 0", plan: plan,
      commits: plan.jobs.map { job in
        let commit = Merge.commit(job.id, Merge.attempt(job.id))
        let tensors = zip(job.recipes, commit.tensors).map { recipe, digests in
          // A copy's digest is its source's.
          recipe.isCopy ? TensorDigests(output: digests.source, source: digests.source) : digests
        }
        return .init(shard: commit.digest, tensors: tensors)
      }, adapterFiles: [[]], earlierAdapters: [], files: [])
  }

  @Test func `the manifest alone tells what is left`() throws {
    #expect(
      TensorStory(manifest, shard: 0, index: 1).text == """
        tensor    qkv.weight
        change    changed by what follows
        source    model.safetensors
                  \(Merge.digest("source qkv.weight"))
        update 1  lora rank 2 × 1.5 (lora_alpha 6 / r 2)
                  adapter style (LORA) × 0.5
                  tensor k.lora_A.weight
                  tensor k.lora_B.weight
        output    BF16, 8 x 4
                  \(Merge.digest("output qkv.weight"))
        shard     model-00001-of-00002.safetensors, job 0
                  bytes 464 up to 528 (64 B)

        """)
    #expect(TensorStory(manifest, shard: 0, index: 2).change == .copied)
    #expect(TensorStory(manifest, shard: 1, index: 1).change == .converted)
    let json = try Merge.parse(TensorStory(manifest, shard: 0, index: 0).json)
    #expect(json["work"] == .null && json["source"]?["offset"] == .null)
    #expect(
      JobStory(manifest, shard: 1).text == """
        job      1
        shard    model-00002-of-00002.safetensors
        bytes    592 (592 B), header 400
        tensors  2: 0 changed, 1 converted, 1 copied
        digest   \(Merge.digest("model-00002-of-00002.safetensors"))

        tensors
          tensor  dtype  shape  offset  bytes  change
          head    BF16   8 x 4     400   64 B  copied
          gate    F32    8 x 4     464  128 B  converted

        """)
  }

  @Test func `a tensor taken from an adapter names it`() throws {
    var plan = Merge.plan
    plan.jobs[1].recipes[0].source.file = 1
    #expect(plan.jobs[1].recipes[0].change(plan.inputs) == .taken)
    var history = Merge.atWork()
    history.plan = plan
    let story = TensorStory(history, job: 1, index: 0, now: now)
    #expect(story.text.contains("\nchange  the adapter's own tensor\n"))
    #expect(story.text.contains("\nsource  adapter /style (LORA) × 0.5\n"))
    let later = Manifest(
      tool: "shardweld 0", plan: plan,
      commits: plan.jobs.map {
        .init(shard: Merge.digest("s"), tensors: Merge.commit($0.id, Merge.attempt($0.id)).tensors)
      }, adapterFiles: [[]], earlierAdapters: [], files: [])
    let told = TensorStory(later, shard: 1, index: 0)
    #expect(told.change == .taken && told.steps.isEmpty)
    #expect(told.source.adapter?.name == "style" && told.source.file == nil)
  }

  // MARK: Names

  private let names: [StorySubject.Names] = ToldMerge.plan.jobs.map {
    .init(shard: $0.shardName, tensors: $0.recipes.map(\.name))
  }

  @Test func `a name is a tensor, a shard or a job's number`() throws {
    #expect(try StorySubject.find("gate", in: "/out", names) == .tensor(job: 1, index: 1))
    #expect(try StorySubject.find("model-00002-of-00002.safetensors", in: "/out", names) == .job(1))
    #expect(try StorySubject.find("00001", in: "/out", names) == .job(1))
  }

  @Test(
    arguments: [
      (
        "qvk.weight",
        "there is no tensor, shard or job \"qvk.weight\" in /out; the nearest: qkv.weight, q.weight"
      ),
      (
        "2", "there is no job 2 in /out, which has jobs 0 to 1"
      ),
      (
        "zzzz",
        "there is no tensor, shard or job \"zzzz\" in /out; shardweld explain /out 0 lists the "
          + "tensors of the first job"
      ),
    ])
  func `a name that is not there is bad input`(name: String, sentence: String) {
    let error = #expect(throws: CommandError.self) {
      try StorySubject.find(name, in: "/out", names)
    }
    #expect(error?.sentence == sentence)
    #expect(error?.exitCode == .badInput)
  }

  @Test func `a part of a long name finds those that hold it`() {
    let known = (0..<20).map { "model.layers.\($0).mlp.down_proj.weight" } + ["lm_head.weight"]
    #expect(Nearest.several("layers.7.mlp.dwn_proj", among: known, count: 1) == [known[7]])
    #expect(
      Nearest.several("down_proj", among: known, count: 3)
        == [known[0], known[1], known[2]])
    #expect(Nearest.several("lm_haed.weight", among: known, count: 3) == ["lm_head.weight"])
    #expect(Nearest.several("", among: known, count: 3) == [])
  }
}
