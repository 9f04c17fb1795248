// The cache of huggingface_hub on this machine (its `constants.py` and `file_download.py`):
//
//   ~/.cache/huggingface/hub/models--org--name/refs/main        a commit's name
//   ~/.cache/huggingface/hub/models--org--name/snapshots/<commit>/config.json → ../../blobs/…
import Glibc
import Storage

/// Where huggingface_hub keeps models on this machine.
package enum HubCache {
  /// The cache's folder, as the environment sets it.
  static func folder() -> String { folder { name in Self.variable(name) } }

  /// The same for a given environment.
  package static func folder(_ variable: (String) -> String?) -> String {
    for name in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
      if let cache = variable(name) { return cache }
    }
    if let home = variable("HF_HOME") { return Path.join(home, "hub") }
    let caches = variable("XDG_CACHE_HOME") ?? Path.join(variable("HOME") ?? "/", ".cache")
    return Path.join(caches, "huggingface/hub")
  }

  /// The folder of a model's name in the cache; nil where the text is no such name.
  package static func repository(named name: String) -> String? {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isName = parts.allSatisfy { part in
      part.first.map { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "-") } ?? false
        && part.allSatisfy(Self.isNameByte)
    }
    guard isName, parts.count <= 2, Path.staysInside(name) else { return nil }
    return "models--" + parts.map { String(Substring($0)) }.joined(separator: "--")
  }

  /// The snapshot that `refs/main` names in a repository's folder; nil where there is no such ref.
  static func snapshot(of repository: String) throws(CheckpointError) -> String? {
    let reference = Path.join(repository, "refs/main")
    guard try checked({ () throws(StorageError) in try FileStatus.of(reference) }) != nil else {
      return nil
    }
    let bytes = try checked { () throws(StorageError) in
      try WholeFile.read(reference, limit: 4096)
    }
    let commit = bytes.filter { $0 > 0x20 }
    guard !commit.isEmpty, commit.allSatisfy(Self.isNameByte), commit[0] != UInt8(ascii: ".") else {
      throw .badReference(path: reference)
    }
    let snapshots = Path.join(repository, "snapshots")
    return Path.join(snapshots, String(decoding: commit, as: UTF8.self))
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func variable(_ name: String) -> String? {
    guard let raw = unsafe getenv(name) else { return nil }
    let value = unsafe String(cString: raw)
    guard value.hasPrefix("~/"), let home = unsafe getenv("HOME") else {
      return value.isEmpty ? nil : value
    }
    return unsafe String(cString: home) + value.dropFirst()
  }
}
