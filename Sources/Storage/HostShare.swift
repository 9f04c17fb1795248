// What this process may use of its machine: not all of it in a container, under Slurm or systemd.
import CLinux

/// Cores and memory for this process and those that it starts.
package struct HostShare: Equatable, Sendable {
  /// At least 1.
  package var cores: Int
  /// nil where no control group limits it.
  package var memoryByteCount: Int64?

  package init(cores: Int, memoryByteCount: Int64? = nil) {
    self.cores = max(1, cores)
    self.memoryByteCount = memoryByteCount
  }

  /// The share of a process with so many cores to run on, by what the files of its control groups
  /// say; `read` gives a file's text, nil where there is none. A part of a core counts as one.
  package init(_ groups: ControlGroups, affinity: Int, read: (String) -> String?) {
    var cores = Double(affinity)
    var memory: [Int64] = []
    for folder in groups.unified {
      if let text = read(folder + "/cpu.max"), let limit = ControlGroups.cores(maximum: text) {
        cores = min(cores, limit)
      }
      for name in ["memory.max", "memory.high"] {
        if let bytes = read("\(folder)/\(name)").flatMap(ControlGroups.byteCount) {
          memory.append(bytes)
        }
      }
    }
    for folder in groups.processor {
      if let quota = read(folder + "/cpu.cfs_quota_us"),
        let period = read(folder + "/cpu.cfs_period_us"),
        let limit = ControlGroups.cores(quota: quota, period: period)
      {
        cores = min(cores, limit)
      }
    }
    for folder in groups.memory {
      if let bytes = read(folder + "/memory.limit_in_bytes").flatMap(ControlGroups.byteCount) {
        memory.append(bytes)
      }
    }
    self.init(cores: Int(cores.rounded(.up)), memoryByteCount: memory.min())
  }

  /// Of this process, as it was when it was first asked for.
  package static let own: HostShare = {
    let groups = ControlGroups(
      groups: KernelFile.text("/proc/self/cgroup") ?? "",
      mounts: KernelFile.text("/proc/self/mountinfo") ?? "")
    return HostShare(groups, affinity: Int(sw_usable_cores()), read: KernelFile.text)
  }()
}
