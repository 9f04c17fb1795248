/// The tool's version, for `--version`.
enum Version {
  static let current = "0.1.0"
}
