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

  /// Of this process, now.
  package static var own: HostShare {
    let groups = ControlGroups(
      groups: text("/proc/self/cgroup") ?? "", mounts: text("/proc/self/mountinfo") ?? "")
    return HostShare(groups, affinity: Int(sw_usable_cores()), read: text)
  }

  /// A file of the kernel's, which has no size before it is read; nil where it cannot be read.
  private static func text(_ path: String) -> String? {
    let kernel = LinuxKernel()
    let descriptor = kernel.open(path, .reading)
    guard descriptor >= 0 else { return nil }
    defer { _ = kernel.close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let offset = Int64(bytes.count)
      let count = unsafe block.withUnsafeMutableBytes {
        unsafe kernel.read(descriptor, $0, at: offset)
      }
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += block[..<count]
    }
  }
}
