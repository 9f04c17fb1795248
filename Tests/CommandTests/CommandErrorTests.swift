import Checkpoints
import Messaging
import OrderedJSON
import Safetensors
import Storage
import Testing

@testable import shardweld

struct CommandErrorTests {
  @Test func `each kind of failure has its exit code`() {
    let storage = StorageError.exists(path: "p")
    #expect(CommandError.storage(storage).exitCode == .failed)
    #expect(CommandError.checkpoint(.storage(storage)).exitCode == .failed)
    #expect(CommandError.checkpoint(.shard(.storage(storage))).exitCode == .failed)
    #expect(CommandError.safetensors(.storage(storage)).exitCode == .failed)
    #expect(CommandError.messaging(.storage(storage)).exitCode == .failed)
    #expect(CommandError.checkpoint(.noWeights(folder: "f")).exitCode == .badInput)
    #expect(CommandError.messaging(.badKey(path: "p")).exitCode == .configuration)
    #expect(
      CommandError.json(path: "p", .tooDeep(offset: 1)).sentence
        == "p is not the JSON expected: nested deeper than 128 levels at byte 1; "
        + "mend it or fetch it again")
  }
}
