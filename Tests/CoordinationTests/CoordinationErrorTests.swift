import Coordination
import Ledger
import Messaging
import Testing

@Suite struct CoordinationErrorTests {
  @Test func `an error tells what the stage below says`() {
    let link = MessagingError.noEncryption
    #expect(CoordinationError.messaging(link).sentence == link.sentence)
    let ledger = LedgerError.noJob(folder: "/out.shardweld")
    #expect(CoordinationError.ledger(ledger).sentence == ledger.sentence)
  }
}
