import Fuzzing
import Storage
import Testing

struct CorpusTests {
  private let place = FuzzPlace()

  private func target(_ name: String) throws -> FuzzTarget {
    try #require(try FuzzTarget.named(name, place))
  }

  @Test(arguments: FuzzTarget.names)
  func `every reader takes what the writers of today write`(name: String) throws {
    let target = try target(name)
    #expect(target.name == name)
    #expect(!target.seeds.isEmpty)
    for (index, seed) in target.seeds.enumerated() {
      let answer = try target.feed(seed)
      #expect(answer == .taken, "seed \(index)")
    }
  }

  @Test(arguments: FuzzTarget.names)
  func `no input that was ever found breaks a reader`(name: String) throws {
    let target = try target(name)
    let clock = ContinuousClock()
    for input in try Corpus.inputs(of: name) {
      let start = clock.now
      _ = try target.feed(input)
      #expect(clock.now - start < .seconds(10), "\(Corpus.line(input))")
    }
  }

  @Test func `every corpus belongs to a target, has inputs and stays small`() throws {
    let files = try Folder.list(Corpus.folder)
    #expect(Set(files) == Set(FuzzTarget.names.map { $0 + ".txt" }))
    var byteCount: Int64 = 0
    for file in files {
      #expect(try Corpus.inputs(of: String(file.dropLast(4))).count > 1, "\(file)")
      byteCount += try #require(try FileStatus.of(Path.join(Corpus.folder, file))).byteCount
    }
    #expect(byteCount <= 500_000)
  }

  @Test(arguments: [
    (#"{"a":[1]}"#, Array(#"{"a":[1]}"#.utf8)), (#"\x23a\x5c#"#, Array(##"#a\#"##.utf8)),
    (#"\x00\x0a\xff~ "#, [0, 10, 255, 0x7E, 0x20]),
  ])
  func `an input stands on one line and reads back`(line: String, input: [UInt8]) throws {
    #expect(Corpus.line(input) == line)
    #expect(try Corpus.input(Array(line.utf8)) == input)
  }

  @Test(arguments: ["\\", #"\n"#, #"\x"#, #"\x1"#, #"\xzz"#])
  func `a line that is none is told`(line: String) {
    #expect(throws: BrokenPromise.self) { try Corpus.input(Array(line.utf8)) }
  }

  @Test func `a target that is not there is not made`() throws {
    #expect(try FuzzTarget.named("no-such", place) == nil)
  }
}
