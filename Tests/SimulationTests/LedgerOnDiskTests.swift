import Simulation
import Testing

struct LedgerOnDiskTests {
  @Test func `a merge broken off after any call ends with the right bytes`() {
    let trial = LedgerTrial()
    trial.breakOff(LedgerTrial.Aftermath.all, stride: 20)
    #expect(trial.breaches.isEmpty)
    #expect(trial.lifeCount > 50)
  }
}
