/// Names one try at one job: no other try, of this or an earlier coordinator, has the same name.
package struct AttemptID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var job: Int
  package var epoch: UInt64
  package var attempt: Int

  package init(job: Int, epoch: UInt64, attempt: Int) {
    self.job = job
    self.epoch = epoch
    self.attempt = attempt
  }

  /// `00012-e3-a1`: also the name of its files in the job's folder.
  package var description: String {
    let digits = String(job)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
      + "-e\(epoch)-a\(attempt)"
  }

  /// Reads what `description` wrote; nil for any other text.
  package init?(_ description: some StringProtocol) {
    let parts = description.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].first == "e", parts[2].first == "a", let job = Int(parts[0]),
      let epoch = UInt64(parts[1].dropFirst()), let attempt = Int(parts[2].dropFirst())
    else { return nil }
    self.init(job: job, epoch: epoch, attempt: attempt)
    guard self.description == String(description) else { return nil }
  }

  package static func < (a: AttemptID, b: AttemptID) -> Bool {
    (a.job, a.epoch, a.attempt) < (b.job, b.epoch, b.attempt)
  }
}

/// Where a job's recipes lie in plan.json.
package struct PlanSlice: Hashable, Sendable {
  package var offset: Int64
  package var byteCount: Int64
  /// XXH3-128 of those bytes, as `xxh3:…`.
  package var digest: String

  package init(offset: Int64, byteCount: Int64, digest: String) {
    self.offset = offset
    self.byteCount = byteCount
    self.digest = digest
  }
}
