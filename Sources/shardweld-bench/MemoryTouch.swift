// `shardweld-bench touch`: takes memory, writes to every page, ends. Run before each timed program,
// so that none pays for pages that a virtual machine handed back to its host.
import Storage

enum MemoryTouch {
  static let subcommand = Subcommand(name: "touch", usage: "touch BYTES", run: run)

  private static func run(_ given: Words) throws -> Int32 {
    var words = given
    guard let byteCount = Int(try words.take(1)[0]) else { throw Words.Misused() }
    try words.end()
    _ = Buffer(byteCount: byteCount)  // zeroed as it is made
    return 0
  }
}
