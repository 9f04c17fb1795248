import Storage
import Testing

/// Texts as kernels gave them.
struct HostShareTests {
  private static let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
  private static let separate = """
    31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
    32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
    35 31 0:32 /docker/3f2a /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory

    """

  private func share(
    _ groups: String, _ mounts: String, affinity: Int = 64, _ files: [String: String]
  ) -> HostShare {
    HostShare(ControlGroups(groups: groups, mounts: mounts), affinity: affinity) { files[$0] }
  }

  // MARK: Folders

  @Test func `a group of version 2 is followed by all above it`() {
    let groups = ControlGroups(groups: "0::/user.slice/job.scope\n", mounts: Self.unified)
    #expect(
      groups.unified == [
        "/sys/fs/cgroup/user.slice/job.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup",
      ])
    #expect(groups.processor.isEmpty && groups.memory.isEmpty)
  }

  @Test func `version 1 has a hierarchy for each controller, seen from the mount's root`() {
    let groups = ControlGroups(
      groups: "4:memory:/docker/3f2a/job\n2:cpu,cpuacct:/\n0::/\n", mounts: Self.separate)
    #expect(groups.memory == ["/sys/fs/cgroup/memory/job", "/sys/fs/cgroup/memory"])
    #expect(groups.processor == ["/sys/fs/cgroup/cpu,cpuacct"])
    #expect(groups.unified.isEmpty)
  }

  @Test(arguments: ["/kubepods/pod7", "/docker/3f2ab", "/docker/3f2a", "/docker/3f2a/../x"])
  func `a group that the mount does not show is the mount's own`(group: String) {
    let groups = ControlGroups(groups: "4:memory:\(group)\n", mounts: Self.separate)
    #expect(groups.memory == ["/sys/fs/cgroup/memory"])
  }

  @Test func `a blank in a mount's place is written in octal`() {
    let mounts = #"30 23 0:26 / /a\040b\134c rw - cgroup2 cgroup2 rw"#
    #expect(ControlGroups(groups: "0::/x", mounts: mounts).unified == [#"/a b\c/x"#, #"/a b\c"#])
  }

  @Test(arguments: ["", "0::", "nonsense\n\n:::", "0:/", "x:memory:/a\n9:cpu:/b"])
  func `texts that say nothing give nothing`(text: String) {
    #expect(
      ControlGroups(groups: text, mounts: text) == ControlGroups(groups: "", mounts: ""))
  }

  // MARK: What files say

  @Test func `quotas are cores, and max or -1 is none`() {
    #expect(ControlGroups.cores(maximum: "150000 100000\n") == 1.5)
    #expect(ControlGroups.cores(maximum: "max 100000\n") == nil)
    #expect(ControlGroups.cores(maximum: "150000") == nil)
    #expect(ControlGroups.cores(quota: "400000\n", period: "100000\n") == 4)
    #expect(ControlGroups.cores(quota: "-1\n", period: "100000\n") == nil)
    #expect(ControlGroups.cores(quota: "1", period: "0") == nil)
  }

  @Test func `memory is bytes, and max or the most pages is none`() {
    #expect(ControlGroups.byteCount("536870912\n") == 536_870_912)
    #expect(ControlGroups.byteCount("max\n") == nil)
    #expect(ControlGroups.byteCount("9223372036854771712\n") == nil)
    #expect(ControlGroups.byteCount("") == nil)
  }

  // MARK: The share

  @Test func `the smallest limit on the way up counts, of version 2`() {
    let files = [
      "/sys/fs/cgroup/a/b/cpu.max": "max 100000", "/sys/fs/cgroup/a/cpu.max": "250000 100000",
      "/sys/fs/cgroup/a/b/memory.max": "2000000000", "/sys/fs/cgroup/a/memory.max": "3000000000",
      "/sys/fs/cgroup/a/b/memory.high": "max", "/sys/fs/cgroup/a/memory.high": "1000000000",
    ]
    #expect(
      share("0::/a/b\n", Self.unified, files)
        == HostShare(cores: 3, memoryByteCount: 1_000_000_000))
  }

  @Test func `the smallest limit on the way up counts, of version 1`() {
    let files = [
      "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "-1",
      "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
      "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "268435456",
    ]
    #expect(
      share("4:memory:/docker/3f2a/job\n2:cpu,cpuacct:/job\n", Self.separate, files)
        == HostShare(cores: 2, memoryByteCount: 268_435_456))
  }

  @Test func `fewer cores to run on count before the quota, and a part of one is one`() {
    let files = ["/sys/fs/cgroup/cpu.max": "800000 100000"]
    #expect(share("0::/\n", Self.unified, affinity: 2, files).cores == 2)
    #expect(share("0::/\n", Self.unified, ["/sys/fs/cgroup/cpu.max": "5000 100000"]).cores == 1)
    #expect(share("", "", affinity: 6, [:]) == HostShare(cores: 6))
  }

  @Test func `this process has a core`() {
    #expect(HostShare.own.cores >= 1)
    #expect(HostShare.own.memoryByteCount.map { $0 > 0 } != false)
  }
}
