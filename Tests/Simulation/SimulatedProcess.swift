// One simulated process: the kernel that real code meets below `run`. A dead one answers every call
// with EIO and changes nothing, so that code which is under way unwinds.
import Glibc
import Storage

/// A process on a host of a simulated disk.
///
/// Unchecked: like its disk, it never leaves its thread.
package final class SimulatedProcess: Kernel, @unchecked Sendable {
  package let hostName: String
  package let bootID: String
  package let processID: Int
  /// Its place among the disk's processes.
  package let number: Int
  let disk: SimulatedDisk
  let host: Int32

  init(
    _ disk: SimulatedDisk, number: Int, host: Int32, hostName: String, bootID: String,
    processID: Int
  ) {
    self.disk = disk
    self.number = number
    self.host = host
    self.hostName = hostName
    self.bootID = bootID
    self.processID = processID
  }

  /// Runs code as this process.
  package func run<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // withValue knows untyped errors only.
    let result = Host.$kernel.withValue(self) { () -> Swift.Result<Result, Failure> in
      do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  package var isDead: Bool { disk.isDead(number) }

  // MARK: Who and when

  package var milliseconds: Int64 { disk.milliseconds }

  package func pause(milliseconds: Int) {
    guard !isDead else { return }
    if let onPause = disk.onPause {
      onPause(number, milliseconds)
    } else {
      disk.milliseconds += Int64(milliseconds)
    }
  }

  package func nonce() -> UInt64 { disk.generator.next() }

  // MARK: One call

  /// How a call is carried out.
  enum Manner { case whole, short, losingPages }

  /// Carries out a call, or what a fault makes of it.
  func perform(
    _ kind: DiskOperation.Kind, _ path: String, _ effect: (Manner) -> Int
  ) -> Int {
    guard !isDead else { return -Int(EIO) }
    let fault = disk.fault(on: number, kind, path)
    var answer: Int
    var end: DiskFault.Effect?
    switch fault {
    case nil: answer = effect(.whole)
    case .fails(let code):
      // The descriptor of a failed close is gone all the same.
      if kind == .close { _ = effect(.whole) }
      answer = -Int(code)
    case .succeedsThenFails(let code):
      answer = effect(.whole)
      if answer >= 0, kind.changes { answer = -Int(code) }
    case .writesShort: answer = effect(.short)
    case .losesPages(let code):
      _ = effect(.losingPages)
      answer = -Int(code)
    case .lies: answer = 0
    case .dies(let after), .cutsPower(_, let after):
      end = fault
      answer = after ? effect(.whole) : -Int(EIO)
    }
    disk.note(DiskOperation(process: number, kind: kind, path: path, answer: answer))
    switch end {
    case .cutsPower(let loss, _): disk.cutPower(host: hostName, loss)
    case nil: return answer
    default: disk.kill(number)
    }
    return -Int(EIO)
  }
}
