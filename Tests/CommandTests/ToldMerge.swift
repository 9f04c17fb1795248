// A merge of two jobs by hand, with a history to be told: every number is fixed.
import Ledger
import OrderedJSON
import Planning
import Safetensors
import Storage

@testable import Ledger
@testable import shardweld

enum ToldMerge {
  /// 2026-03-01T12:00:00.000Z.
  static let start: Int64 = 1_772_366_400_000
  static let folder = JobFolder(output: "/out")

  static func digest(_ seed: String) -> String { Digest.xxh3(seed).description }

  /// Job 0 changes two tensors of three, job 1 copies one and converts one.
  static var plan: MergePlan {
    let low = LowRank(
      left: Factor(file: 1, offset: 200, dtype: .f32, rowStride: 2, columnStride: 1),
      right: Factor(file: 1, offset: 100, dtype: .f32, rowStride: 4, columnStride: 1), rank: 2,
      scale: 1.5)
    func update(_ rows: Range<Int>, _ part: String) -> Update {
      Update(
        window: Window(rows: rows, columns: 0..<4), rule: .lowRank(low), adapter: 0,
        tensorNames: ["\(part).lora_A.weight", "\(part).lora_B.weight"],
        origin: "lora_alpha 6 / r 2")
    }
    return MergePlan(
      basePath: "/base", options: MergeOptions(),
      inputs: [
        InputFile(
          role: .base, path: "/base/model.safetensors", name: "model.safetensors",
          byteCount: 4096, modified: 5, headerDigest: digest("base")),
        InputFile(
          role: .adapter(0), path: "/style/adapter_model.safetensors",
          name: "adapter_model.safetensors", byteCount: 900, modified: 6,
          headerDigest: digest("adapter")),
      ],
      adapters: [
        PlannedAdapter(path: "/style", strength: 0.5, kind: "LORA", configDigest: digest("c"))
      ],
      jobs: [
        job(
          0, "model-00001-of-00002.safetensors",
          [
            recipe("q.weight", offset: 0, updates: [update(0..<8, "q")]),
            recipe("qkv.weight", offset: 64, updates: [update(0..<2, "k"), update(4..<6, "k")]),
            recipe("norm", offset: 128),
          ]),
        job(
          1, "model-00002-of-00002.safetensors",
          [recipe("head", offset: 0), recipe("gate", offset: 64, dtype: .f32)]),
      ],
      hasIndex: true, configChanges: [], setAside: [], warnings: [])
  }

  /// 8 × 4, from BF16.
  private static func recipe(
    _ name: String, offset: Int64, dtype: DType = .bf16, updates: [Update] = []
  ) -> TensorRecipe {
    TensorRecipe(
      name: name, dtype: dtype, shape: [8, 4], columns: 4, offset: offset,
      source: TensorBytes(file: 0, offset: 1000 + offset, dtype: .bf16, elementCount: 32),
      updates: updates)
  }

  private static func job(_ id: Int, _ name: String, _ recipes: [TensorRecipe]) -> MergeJob {
    let data = recipes.reduce(Int64(0)) { $0 + $1.byteCount }
    return MergeJob(
      id: id, shardName: name, recipes: recipes, headerByteCount: 400, byteCount: 400 + data)
  }

  static func attempt(_ job: Int, _ attempt: Int = 1, epoch: UInt64 = 1) -> AttemptID {
    AttemptID(job: job, epoch: epoch, attempt: attempt)
  }

  static func commit(_ job: Int, _ attempt: AttemptID, readBackBy: String = "n2/8") -> CommitRecord
  {
    let job = plan.jobs[job]
    return CommitRecord(
      job: job.id, shardName: job.shardName, byteCount: job.byteCount,
      digest: digest(job.shardName),
      tensors: job.recipes.map {
        TensorDigests(output: digest("output \($0.name)"), source: digest("source \($0.name)"))
      },
      attempt: attempt, host: "n1", processID: 7, milliseconds: 2100, readBackBy: readBackBy)
  }

  static func note(
    _ seconds: Int64, _ kind: String, _ attempt: AttemptID? = nil, _ worker: String = "",
    _ text: String = ""
  ) -> JournalEntry {
    JournalEntry(
      time: start + seconds * 1000, kind: kind, attempt: attempt, worker: worker, text: text)
  }

  static func history(
    _ journal: [JournalEntry], committed: [CommitRecord] = [], setAside: [String] = [],
    isRunning: Bool = true, epoch: UInt64 = 1, currentStart: Int = 0
  ) -> JobHistory {
    JobHistory(
      folder: folder, plan: plan, planDigest: digest("plan"),
      committed: Dictionary(uniqueKeysWithValues: committed.map { ($0.job, $0) }),
      setAside: setAside,
      epochs: epoch == 0
        ? []
        : [
          EpochRecord(
            number: epoch, host: "n1", bootID: "b", processID: 5, endpoint: "tcp://n1:5555",
            publicKey: String(repeating: "k", count: 40))
        ],
      journal: journal, epoch: epoch, currentStart: currentStart, isRunning: isRunning,
      host: epoch == 0 ? "" : "n1", processID: epoch == 0 ? 0 : 5)
  }

  /// Job 0 failed once and is committed; job 1 is being merged.
  static func atWork(isRunning: Bool = true) -> JobHistory {
    let first = attempt(0)
    let second = attempt(0, 2)
    return history(
      [
        note(0, "joined", nil, "n1/7"), note(0, "joined", nil, "n2/8"),
        note(0, "assigned", first, "n2/8", "merge"),
        note(3, "failed", first, "n2/8", "the disk is gone"),
        note(4, "assigned", second, "n1/7", "merge"),
        note(6, "merged", second, "n1/7", digest("shard")),
        note(6, "assigned", second, "n2/8", "readBack"),
        note(7, "readBack", second, "n2/8", digest("shard")),
        note(7, "assigned", attempt(1), "n1/7", "merge"), note(8, "committed", second, "n1/7"),
      ], committed: [commit(0, second)], isRunning: isRunning)
  }

  /// Job 0 killed two workers, failed on another host, and was given up; n9 is drained; job 1 is
  /// committed.
  static func givenUp(isRunning: Bool = false) -> JobHistory {
    let verdict = "model-00001-of-00002.safetensors failed on n3/9 (after 3 failures): no device"
    return history(
      [
        note(0, "joined", nil, "n1/7"), note(0, "joined", nil, "n2/8"),
        note(0, "joined", nil, "n3/9"),
        note(0, "assigned", attempt(0), "n1/7", "merge"),
        note(1, "lost", nil, "n1/7", "its process ended"),
        note(1, "died", attempt(0), "n1/7", "with this merge running"),
        note(1, "assigned", attempt(0, 2), "n2/8", "merge"),
        note(17, "lost", nil, "n2/8", "no word for 15 s"),
        note(17, "died", attempt(0, 2), "n2/8", "with this merge running"),
        note(
          17, "suspected", attempt(0, 2), "", "2 workers died with it; from now on it runs alone"),
        note(17, "assigned", attempt(0, 3), "n3/9", "merge"),
        note(18, "failed", attempt(0, 3), "n3/9", "no device"),
        note(18, "drained", nil, "", "n9 gets no more work: test this machine"),
        note(18, "quarantined", attempt(0, 0), "", verdict),
        note(20, "ending", nil, "", "incomplete: 1 of 2 shards failed, 1 are committed and kept"),
      ], committed: [commit(1, attempt(1))], isRunning: isRunning)
  }

  static func status(_ history: JobHistory, seconds: Int64 = 12) -> JobStatus {
    JobStatus(history, output: "/out", manifest: nil, now: start + seconds * 1000)
  }

  static func parse(_ json: String) throws -> JSON { try JSON(parsing: Array(json.utf8)) }
}
