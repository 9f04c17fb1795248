// What a NAME given to `explain` stands for: a tensor, or else a shard, or else a job's number.
import Planning

/// A part of a merge that has a story.
enum StorySubject: Equatable, Sendable {
  case tensor(job: Int, index: Int)
  case job(Int)

  /// Names of a merge's parts, in the plan's order.
  struct Names {
    var shard: String
    var tensors: [String]
  }

  /// Finds a name among the parts of an output; where it is not there, says which ones are near.
  static func find(
    _ name: String, in output: String, _ jobs: [Names]
  ) throws(CommandError) -> StorySubject {
    for (job, names) in jobs.enumerated() {
      if let index = names.tensors.firstIndex(of: name) { return .tensor(job: job, index: index) }
    }
    if let job = jobs.firstIndex(where: { $0.shard == name }) { return .job(job) }
    if !name.isEmpty, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard let job = Int(name), job < jobs.count else {
        let known = jobs.count == 1 ? "job 0 alone" : "jobs 0 to \(jobs.count - 1)"
        throw .refused("there is no job \(name) in \(output), which has \(known)")
      }
      return .job(job)
    }
    let known = jobs.lazy.flatMap { $0.tensors + [$0.shard] }
    let nearest = Nearest.several(name, among: known, count: 3)
    throw .refused(
      "there is no tensor, shard or job \"\(name)\" in \(output); "
        + (nearest.isEmpty
          ? "shardweld explain \(output) 0 lists the tensors of the first job"
          : "the nearest: " + nearest.joined(separator: ", ")))
  }
}
