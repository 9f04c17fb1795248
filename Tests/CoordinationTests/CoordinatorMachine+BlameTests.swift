import Coordination
import Messaging
import Planning
import Testing

/// What failures cost a job.
@Suite struct CoordinatorMachineBlameTests {
  @Test func `a failed job goes to another host if there is one`() {
    var play = Rehearsal([10])
    play.join("a1", host: "a", credit: 1)
    play.join("a2", host: "a")
    play.join("b", host: "b")
    play.failed("a1", play.attempt(0), credit: 1)
    #expect(play.report("a2", credit: 1).given(to: "a2").isEmpty)
    #expect(play.report("b", credit: 1).given(to: "b") == [.merge(play.attempt(0, 2))])
  }

  @Test func `where no other host is, it goes to another worker`() {
    var play = Rehearsal([10])
    play.join("a1", host: "a", credit: 1)
    play.join("a2", host: "a")
    #expect(play.failed("a1", play.attempt(0), credit: 1).given(to: "a1").isEmpty)
    #expect(play.report("a2", credit: 1).given(to: "a2") == [.merge(play.attempt(0, 2))])
  }

  /// The only worker fails until the job is given up; the pauses that went by.
  func failAlone(_ play: inout Rehearsal, times: Int) -> [Int64] {
    var pauses: [Int64] = []
    for number in 1..<times {
      var given = play.failed("a", play.attempt(0, number), credit: 1).given(to: "a")
      let since = play.now
      while given.isEmpty {
        given = play.tick(after: 10).given(to: "a") + play.report("a", credit: 1).given(to: "a")
      }
      pauses.append(play.now - since)
    }
    return pauses
  }

  @Test func `the third failure gives a job up where one host is alone`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    _ = failAlone(&play, times: 3)
    let directives = play.failed("a", play.attempt(0, 3), credit: 1)
    #expect(
      directives.notes(.quarantined) == [
        "shard-0 failed on a/97 (after 3 failures): the device says no"
      ])
    #expect(play.machine.snapshot.jobsFailed == 1)
  }

  @Test func `the eighth gives it up where there are more`() {
    var play = Rehearsal([10])
    play.join("a")
    play.join("b")
    var given: [TaskID] = []
    for number in 1...8 {
      while given.isEmpty {
        play.now += 100
        for name in ["a", "b"] where given.isEmpty {
          given = play.report(name, credit: 1).given(to: name) + play.on(.tick).given(to: name)
        }
      }
      #expect(given == [.merge(play.attempt(0, number))])
      let name = play.hands["a"]?.isEmpty == false ? "a" : "b"
      let quarantined = play.failed(name, play.attempt(0, number)).notes(.quarantined)
      #expect(quarantined.count == (number == 8 ? 1 : 0))
      if let text = quarantined.first { #expect(text.contains(" (after 8 failures): ")) }
      given = []
    }
  }

  @Test func `the first failure is repeated at once, later ones after pauses that are drawn`() {
    func pauses(seed: UInt64) -> [Int64] {
      var play = Rehearsal([10]) { settings in
        settings.seed = seed
        settings.failuresOnOneHostMax = 12
      }
      play.join("a", credit: 1)
      return failAlone(&play, times: 12)
    }
    let first = pauses(seed: 1)
    #expect(first[0] == 0)
    for (number, pause) in first.enumerated().dropFirst() {
      // The clock here goes in steps of 10 ms.
      #expect(pause <= min(1_000 << (number - 1), 60_000) + 10, "\(number)")
    }
    #expect(first == pauses(seed: 1))
    #expect(first != pauses(seed: 2))
  }

  // MARK: Faults of the inputs

  let fault = "weight x is not finite"

  @Test func `a fault of the inputs needs a worker of another host to say the same`() {
    var play = Rehearsal([10, 5])
    play.join("a", credit: 1)
    play.join("b")
    #expect(play.failed("a", play.attempt(0), fault, .input).notes(.quarantined).isEmpty)
    play.report("b", credit: 1)
    #expect(
      play.failed("b", play.attempt(0, 2), fault, .input).notes(.quarantined) == [
        "shard-0 failed on a/97 and b/98: weight x is not finite"
      ])
  }

  @Test func `another sentence confirms nothing`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    play.join("b")
    play.failed("a", play.attempt(0), fault, .input)
    play.report("b", credit: 1)
    let second = play.failed("b", play.attempt(0, 2), "weight y is not finite", .input)
    #expect(second.notes(.quarantined).isEmpty)
  }

  @Test func `two workers of one host are enough where no other lives`() {
    var play = Rehearsal([10])
    play.join("a1", host: "a", credit: 1)
    play.join("a2", host: "a")
    play.failed("a1", play.attempt(0), fault, .input)
    play.report("a2", credit: 1)
    #expect(play.failed("a2", play.attempt(0, 2), fault, .input).notes(.quarantined).count == 1)
  }

  @Test func `a worker that is alone confirms itself`() {
    var play = Rehearsal([10])
    play.join("a", credit: 1)
    let first = play.failed("a", play.attempt(0), fault, .input, credit: 1)
    #expect(first.given(to: "a") == [.merge(play.attempt(0, 2))])
    #expect(
      play.failed("a", play.attempt(0, 2), fault, .input).notes(.quarantined)
        == ["shard-0 failed on a/97: weight x is not finite"])
  }

  @Test func `a fault that a second worker does not find costs nothing but a strike`() {
    var play = Rehearsal([10, 5], readsBack: false)
    play.join("a", credit: 1)
    play.join("b")
    play.failed("a", play.attempt(0), fault, .input)
    play.report("b", credit: 1)
    #expect(play.mergedWell("b", play.attempt(0, 2)).commits == [play.attempt(0, 2)])
  }

  @Test func `workers that name another fault each time do not go on for ever`() {
    var play = Rehearsal([10])
    play.join("a")
    play.join("b")
    var quarantined: [String] = []
    for number in 1...8 {
      var name: String?
      while name == nil {
        play.now += 100
        for next in ["a", "b"] where name == nil {
          play.report(next, credit: 1)
          play.on(.tick)
          name = ["a", "b"].first { play.hands[$0]?.isEmpty == false }
        }
      }
      let directives = play.failed(name!, play.attempt(0, number), "fault \(number)", .input)
      quarantined += directives.notes(.quarantined)
    }
    #expect(quarantined.count == 1)
    #expect(quarantined.first?.contains("(after 8 failures): fault 8") == true)
  }
}
