import OrderedJSON
import Planning
import TestSupport
import Testing

@testable import Publishing

struct ConfigEditTests {
  private func edit(_ changes: [ConfigChange], _ text: String) throws -> String {
    String(decoding: try ConfigEdit.apply(changes, to: Array(text.utf8)), as: UTF8.self)
  }

  @Test func `without changes the bytes stay, whatever they are`() throws {
    let text = "{ \"b\":1.50,\n\n \"a\" : [ ] }"
    #expect(try edit([], text) == text)
    #expect(try edit([ConfigChange(path: ["b"], value: "1.50")], text) == text)
    #expect(try edit([], "not JSON") == "not JSON")
  }

  @Test func `members are set in place, new ones behind`() throws {
    let changes = [
      ConfigChange(path: ["torch_dtype"], value: "\"float16\""),
      ConfigChange(path: ["text_config", "tie_word_embeddings"], value: "false"),
      ConfigChange(path: ["new", "deep"], value: "[1]"),
    ]
    let text = #"{"torch_dtype":"float32","text_config":{"n":1e-05,"l":[]},"z":-Infinity}"#
    #expect(
      try edit(changes, text) == """
        {
          "torch_dtype": "float16",
          "text_config": {
            "n": 1e-05,
            "l": [],
            "tie_word_embeddings": false
          },
          "z": -Infinity,
          "new": {
            "deep": [
              1
            ]
          }
        }

        """)
  }

  @Test func `a config that cannot be changed is refused`() throws {
    let change = ConfigChange(path: ["a", "b"], value: "1")
    for (config, sentence) in [
      ("[]", "\"the whole\" is not an object"),
      (#"{"a":5}"#, "\"a\" is not an object"),
      ("{", "a string expected at byte 1"),
    ] {
      let merge = try TinyOutput(changes: [change])
      try merge.place()
      let publication = Publication(
        folder: merge.folder, output: merge.output, plan: merge.plan,
        checkpointConfig: Array(config.utf8), sideFiles: [], adapterFiles: [[]],
        tool: "shardweld 0")
      #expect(
        merge.sentence { _ = try publication.finish(commits: merge.commits, overwrite: false) }
          == "\(merge.scratch("base/config.json")) cannot be changed: \(sentence); repair it in "
          + "the base")
    }
  }
}
