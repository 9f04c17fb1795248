/// The tool and its version, for `--version` and the manifest.
enum Version {
  static let current = "0.1.0"
  static let tool = "shardweld " + current
}
