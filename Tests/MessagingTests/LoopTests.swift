// What wakes a loop: other threads and signals.
import Glibc
import Messaging
import Testing

@Test func `a wake-up is readable from wake to drain`() {
  let wakeUp = WakeUp()
  #expect(!Poll.wait(descriptors: [wakeUp.descriptor], timeoutMilliseconds: 0))
  wakeUp.wake()
  wakeUp.wake()
  #expect(Poll.wait(descriptors: [wakeUp.descriptor], timeoutMilliseconds: 1000))
  wakeUp.drain()
  #expect(!Poll.wait(descriptors: [wakeUp.descriptor], timeoutMilliseconds: 0))
  wakeUp.drain()
}

@Test func `a mailbox gives everything in order, and wakes for what comes later`() {
  let mailbox = Mailbox<Int>()
  mailbox.post(1)
  mailbox.post(2)
  #expect(Poll.wait(descriptors: [mailbox.wakeUp.descriptor], timeoutMilliseconds: 1000))
  #expect(mailbox.takeAll() == [1, 2])
  #expect(mailbox.takeAll() == [])
  #expect(!Poll.wait(descriptors: [mailbox.wakeUp.descriptor], timeoutMilliseconds: 0))
  mailbox.post(3)
  #expect(Poll.wait(descriptors: [mailbox.wakeUp.descriptor], timeoutMilliseconds: 1000))
  #expect(mailbox.takeAll() == [3])
}

@Test func `a mailbox filled by many threads loses and doubles nothing`() async {
  let mailbox = Mailbox<Int>()
  await withTaskGroup(of: Void.self) { group in
    for thread in 0..<4 {
      group.addTask { for i in 0..<2500 { mailbox.post(thread * 2500 + i) } }
    }
    group.addTask {
      var found: [Int] = []
      while found.count < 10_000 {
        guard Poll.wait(descriptors: [mailbox.wakeUp.descriptor], timeoutMilliseconds: 5000) else {
          break
        }
        found += mailbox.takeAll()
      }
      #expect(found.sorted() == Array(0..<10_000))
      for thread in 0..<4 {
        let own = found.filter { $0 / 2500 == thread }
        #expect(own == own.sorted())
      }
    }
  }
}

@Test func `a signal is polled for instead of ending the process`() async {
  await #expect(processExitsWith: .success) {
    let signals = SignalSource()
    #expect(signals.next() == nil)
    raise(SIGTERM)
    #expect(Poll.wait(descriptors: [signals.descriptor], timeoutMilliseconds: 1000))
    #expect(signals.next() == SIGTERM)
    #expect(signals.next() == nil)
  }
}
