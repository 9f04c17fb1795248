import Testing
import Working

@Suite struct WorkerExitTests {
  @Test func `every exit has its code and its sentence`() {
    let table: [(WorkerExit, Int32, String?)] = [
      (.dismissed, 0, nil),
      (.stopped, 75, "stopped; its unfinished jobs went back to the coordinator"),
      (
        .orphaned(seconds: 60), 75,
        "no word from the coordinator for 60 s; start the coordinator, then this worker again"
      ),
      (
        .otherPlan, 75,
        "the coordinator at this address now serves another merge; start this worker again"
      ),
      (
        .unsound(reason: "1 + 1 is 3"), 78,
        "this machine does not compute as it must: 1 + 1 is 3; nothing is merged here: test its "
          + "memory and processor"
      ),
      (.refused(reason: "no room"), 78, "the coordinator refuses this worker: no room"),
      (
        .keyRefused, 78,
        "the coordinator does not admit this worker's key, and its log says why; its "
          + "authorized_keys must have the key of worker.public, valid now and from this address"
      ),
      (
        .wrongServerKey, 78,
        "the coordinator's key is not the one in coordinator.public; copy the coordinator's "
          + "coordinator.public to this worker's key folder, then start this worker again"
      ),
    ]
    for (exit, code, sentence) in table {
      #expect(exit.code == code)
      #expect(exit.sentence == sentence)
    }
  }
}
