// libzmq's contexts: one per process, never terminated (ending one while another encrypts crashes
// libzmq 4.3.4, its bug 4242). The address of the handler that authorises belongs to a context, so
// a process with several routers at a time, which only tests have, gets one more for each.
import CZeroMQ
import Glibc
import Storage
import Synchronization

/// Where sockets are made.
///
/// Unchecked: the handle is immutable, and libzmq's contexts may be used by all threads.
@safe final class Context: @unchecked Sendable {
  private struct Contexts {
    var all: [Context] = []
    var withoutRouter: [Context] = []
  }

  // More would only be wanted by a coordinator of more workers than a router can serve.
  private static let descriptorCountWanted: rlim_t = 65_536
  private static let contexts = Mutex(Contexts())

  let handle: UnsafeMutableRawPointer

  private init() throws(MessagingError) {
    guard unsafe zmq_has("curve") == 1 else { throw .noEncryption }
    Self.raiseDescriptorLimit()
    guard let handle = unsafe zmq_ctx_new() else { throw .socket(code: zmq_errno()) }
    unsafe self.handle = handle
  }

  /// The process's context, for links that authorise nobody.
  static func forDealer() throws(MessagingError) -> Context {
    try contexts.withLock { (contexts) throws(MessagingError) in
      if let first = contexts.all.first { return first }
      return try make(&contexts, hasRouter: false)
    }
  }

  /// A context in which no router lives; `giveBack` when the router has gone.
  static func forRouter() throws(MessagingError) -> Context {
    try contexts.withLock { (contexts) throws(MessagingError) in
      if let idle = contexts.withoutRouter.popLast() { return idle }
      return try make(&contexts, hasRouter: true)
    }
  }

  func giveBack() {
    Self.contexts.withLock { $0.withoutRouter.append(self) }
  }

  private static func make(
    _ contexts: inout Contexts, hasRouter: Bool
  ) throws(MessagingError) -> Context {
    let context = try Context()
    contexts.all.append(context)
    if !hasRouter { contexts.withoutRouter.append(context) }
    return context
  }

  /// Descriptors that this process may have, once a context was made.
  static func descriptorCountMax() -> Int {
    var limit = rlimit()
    let status = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    invariant(status == 0, "a process without a limit of descriptors")
    return Int(min(limit.rlim_cur, descriptorCountWanted))
  }

  /// Every connection is a descriptor, and libzmq's thread spins where there are none left.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    let wanted = min(limit.rlim_max, descriptorCountWanted)
    guard limit.rlim_cur < wanted else { return }
    limit.rlim_cur = wanted
    // A refusal leaves the limit that was there: fewer workers can connect.
    unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
