// This machine and this process, as others see them: who holds a lock, who wrote a record, when.
import Glibc

package enum Host {
  /// The kernel that all of Storage calls. Tests bind another one to a task or thread with
  /// `Host.$kernel.withValue`; threads started meanwhile begin with Linux again.
  @TaskLocal package static var kernel: any Kernel = LinuxKernel()

  /// The machine's name.
  package static var name: String { kernel.hostName }

  /// Differs between machines, and between two starts of one; empty where the kernel gives none.
  package static var bootID: String { kernel.bootID }

  package static var processID: Int { kernel.processID }

  /// The wall clock in milliseconds since 1970, for history that people read.
  package static var milliseconds: Int64 { kernel.milliseconds }

  /// Lets this thread rest.
  package static func pause(milliseconds: Int) { kernel.pause(milliseconds: milliseconds) }

  /// This process's environment: `NAME=value` each.
  package static var environment: [String] {
    var variables: [String] = []
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      unsafe variables.append(String(cString: text))
      unsafe entry += 1
    }
    return variables
  }
}
