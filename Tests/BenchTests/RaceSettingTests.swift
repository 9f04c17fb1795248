// What a race is asked for: its rows, their command lines, and who can take part.
import TestSupport
import Testing

@testable import shardweld_bench

struct RaceSettingTests {
  private func setting(_ words: String) throws -> RaceSetting {
    try RaceSetting(Words(words.split(separator: " ").map(String.init)))
  }

  @Test func `rows come by cache, rank, workers and verification, the copies first`() throws {
    let setting = try setting(
      "/m --shardweld p --ranks 16 --workers 2 --peers 1 --scripts /s --caches hot,cold")
    #expect(
      setting.rows([.peft]).map(\.name) == [
        "cp -r", "cp -r, sync -f", "merge r16, 2 workers", "merge r16, 2 workers, verify none",
        "PEFT r16", "cp -r, cold", "cp -r, sync -f, cold", "merge r16, 2 workers, cold",
        "merge r16, 2 workers, verify none, cold",
      ])
    #expect(setting.inputFolders == ["/m/base", "/m/adapter-r16"])
    #expect(try self.setting("/m --shardweld p").rows([]).count == 28)
  }

  @Test func `a row's command line is the program's own`() throws {
    let setting = try setting("/m --shardweld p --peers 1 --python py --scripts /s -- --threads 1")
    func command(_ program: RaceRow.Program) -> String {
      setting.command(RaceRow(program: program, isCold: false), output: "/o")
        .joined(separator: " ")
    }
    #expect(command(.copy(isFlushed: false)) == "cp -r /m/base /o")
    #expect(
      command(.merge(rank: 64, workers: 1, verify: "none"))
        == "p merge --base /m/base --adapter /m/adapter-r64 --output /o --workers 1 --verify none "
        + "--progress none --threads 1")
    #expect(
      command(.peer(.mergekit, rank: 16))
        == "py /s/mergekit_merge.py /m/base /m/adapter-r16 /o")
  }

  @Test(arguments: [
    "/m", "--shardweld p", "/m --shardweld p --rounds 0", "/m --shardweld p --ranks 16,x",
    "/m --shardweld p --caches warm", "/m --shardweld p --peers 1", "/m --shardweld p --peer 1",
  ])
  func `words that mean nothing are refused`(_ words: String) {
    #expect(throws: Words.Misused.self) { try setting(words) }
  }

  @Test func `a peer says which versions take part, or what it lacks`() {
    let versions = ["torch": "2.13", "safetensors": "0.8", "transformers": "5"]
    #expect(RacePeer.plainLoop.line(versions) == "plain loop: torch 2.13, safetensors 0.8")
    #expect(RacePeer.plainLoop.missing(versions).isEmpty)
    #expect(
      RacePeer.peft.line(versions)
        == "PEFT: left out, because the Python has no peft; install or set PYTHON")
    #expect(RacePeer.mergekit.missing(versions) == ["mergekit"])
  }

  @Test func `a Python that is not there has no packages`() throws {
    let scratch = Scratch()
    #expect(try RacePeer.versions("/no/such/python", log: scratch("log")).isEmpty)
  }

  @Test func `inputs are read into the page cache, and what is there is counted`() throws {
    let scratch = Scratch()
    let path = try scratch.write("input", [UInt8](repeating: 1, count: 100_000))
    let cache = InputCache(paths: [path, try scratch.write("empty", [UInt8]())])
    try cache.warm()
    #expect(try cache.share() == 1)
    // Some file systems live in the page cache and keep all; none gains by being told to forget.
    try cache.drop()
    #expect(try [0, 1].contains(cache.share()))
  }
}
