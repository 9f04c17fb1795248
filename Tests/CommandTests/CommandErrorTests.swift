import Checkpoints
import GGUF
import Ledger
import Merging
import Messaging
import OrderedJSON
import Publishing
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
    #expect(CommandError.gguf(.storage(storage)).exitCode == .failed)
    #expect(CommandError.gguf(.malformed(path: "p", .foreign)).exitCode == .badInput)
    #expect(CommandError.messaging(.storage(storage)).exitCode == .failed)
    #expect(CommandError.checkpoint(.noWeights(folder: "f")).exitCode == .badInput)
    let full = StorageError.noSpace(path: "p", neededByteCount: 1)
    #expect(CommandError.storage(full).exitCode == .again)
    #expect(CommandError.ledger(.storage(full)).exitCode == .again)
    #expect(CommandError.merging(.storage(full)).exitCode == .again)
    #expect(CommandError.publishing(.storage(full)).exitCode == .again)
    #expect(CommandError.publishing(.ledger(.storage(full))).exitCode == .again)
    #expect(CommandError.messaging(.badKey(path: "p")).exitCode == .configuration)
    #expect(
      CommandError.json(path: "p", .tooDeep(offset: 1)).sentence
        == "p is not the JSON expected: nested deeper than 128 levels at byte 1; "
        + "mend it or fetch it again")
  }
}
