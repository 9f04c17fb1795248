// Where a process's control groups lie, and what their files say. The kernel tells it in
// /proc/self/cgroup (cgroups(7)) and /proc/self/mountinfo (proc(5)):
//
//   0::/user.slice/job.scope                                       version 2: all controllers
//   4:memory:/docker/3f2a                                          version 1: one, or several
//   30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
//   35 31 0:32 /docker/3f2a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
//
// A group may use no more than every group above it. Pure; `HostShare` reads the files.

/// The control groups of a process.
package struct ControlGroups: Equatable, Sendable {
  /// Folders of version 2's groups, the process's own first; the ones above it follow.
  package var unified: [String] = []
  /// The same of version 1's hierarchies, where they are mounted.
  package var processor: [String] = []
  package var memory: [String] = []

  /// From the texts of /proc/self/cgroup and /proc/self/mountinfo; lines that are none are passed
  /// over.
  package init(groups: String, mounts: String) {
    let mounts = mounts.split(separator: "\n").compactMap { Mount($0) }
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",").map(String.init)
      let mount = mounts.first { mount in
        controllers.isEmpty ? mount.isUnified : controllers.contains { mount.options.contains($0) }
      }
      guard let folders = mount?.folders(of: String(parts[2])) else { continue }
      if controllers.isEmpty { unified = folders }
      if controllers.contains("cpu") { processor = folders }
      if controllers.contains("memory") { memory = folders }
    }
  }

  // MARK: What files say

  /// Cores by version 2's cpu.max, `150000 100000` or `max 100000`; nil is no limit.
  package static func cores(maximum text: String) -> Double? {
    let words = text.split { $0 == " " || $0 == "\n" }
    guard words.count == 2 else { return nil }
    return cores(quota: String(words[0]), period: String(words[1]))
  }

  /// Cores by version 1's cpu.cfs_quota_us and cpu.cfs_period_us; nil is no limit, which is -1.
  package static func cores(quota: String, period: String) -> Double? {
    guard let quota = number(quota), let period = number(period), quota > 0, period > 0 else {
      return nil
    }
    return Double(quota) / Double(period)
  }

  /// Bytes by memory.max, memory.high or memory.limit_in_bytes; nil is no limit: `max`, or in
  /// version 1 the most pages there can be.
  package static func byteCount(_ text: String) -> Int64? {
    guard let bytes = number(text), bytes < 1 << 60 else { return nil }
    return bytes
  }

  private static func number(_ text: String) -> Int64? {
    Int64(text.split(separator: "\n").first ?? "")
  }
}

/// A line of mountinfo that has control groups.
private struct Mount {
  var isUnified: Bool
  /// The group that lies at the mount's place.
  var root: String
  var place: String
  var options: [String]

  init?(_ line: Substring) {
    let words = line.split(separator: " ")
    guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count >= dash + 4,
      words[dash + 1].hasPrefix("cgroup")
    else { return nil }
    isUnified = words[dash + 1] == "cgroup2"
    root = Self.plain(words[3])
    place = Self.plain(words[4])
    options = words[dash + 3].split(separator: ",").map(String.init)
  }

  /// The folder of a group and of all above it that can be seen, or of the mount's own where the
  /// group is not below it, as in a container with the host's names.
  func folders(of group: String) -> [String] {
    let above = root == "/" ? "" : root
    var rest = group.hasPrefix(above + "/") ? String(group.dropFirst(above.utf8.count)) : ""
    if rest.split(separator: "/").contains("..") { rest = "" }
    var folders = [place]
    for name in rest.split(separator: "/") { folders.insert(folders[0] + "/" + name, at: 0) }
    return folders
  }

  /// Blanks and other separators stand in mountinfo as a backslash and three octal digits.
  private static func plain(_ word: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(word.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(3), as: UTF8.self)
      if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let code = UInt8(digits, radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
