// A client written against libzmq itself, to do what a worker of ours never does.
import CZeroMQ
import Glibc
import Messaging
import Storage
import Testing

/// A DEALER without any care. Used by one thread.
@safe final class RawClient {
  let key: PublicKey
  private let handle: UnsafeMutableRawPointer

  /// Connects with a new key; `admit` is called with it before.
  init(to endpoint: String, serverKey: PublicKey, admit: (PublicKey) -> Void) throws {
    let context = unsafe try #require(zmq_ctx_new())
    unsafe handle = try #require(zmq_socket(context, ZMQ_DEALER))
    var publicText = [CChar](repeating: 0, count: 41)
    var secretText = [CChar](repeating: 0, count: 41)
    unsafe zmq_curve_keypair(&publicText, &secretText)
    let text = publicText.dropLast().map(UInt8.init(bitPattern:))
    key = try #require(PublicKey(String(decoding: text, as: UTF8.self)))
    admit(key)
    var linger: Int32 = 0
    unsafe zmq_setsockopt(handle, ZMQ_LINGER, &linger, 4)
    unsafe zmq_setsockopt(handle, ZMQ_CURVE_SERVERKEY, serverKey.text, 40)
    unsafe zmq_setsockopt(handle, ZMQ_CURVE_PUBLICKEY, publicText, 41)
    unsafe zmq_setsockopt(handle, ZMQ_CURVE_SECRETKEY, secretText, 41)
    unsafe #expect(zmq_connect(handle, endpoint) == 0)
  }

  deinit { unsafe _ = zmq_close(handle) }

  /// Queues a message of the given parts.
  func send(_ parts: [[UInt8]]) {
    for (index, part) in parts.enumerated() {
      let flags = index + 1 < parts.count ? ZMQ_SNDMORE : 0
      unsafe #expect(zmq_send(handle, part, part.count, flags) == Int32(part.count))
    }
  }

  /// All messages of one part that come within some time.
  func receiveAll(milliseconds: Int) -> [[UInt8]] {
    let deadline = ContinuousClock.now + .milliseconds(milliseconds)
    var messages: [[UInt8]] = []
    var buffer = [UInt8](repeating: 0, count: MessageCodec.byteCountMax)
    while ContinuousClock.now < deadline {
      let count = unsafe zmq_recv(handle, &buffer, buffer.count, ZMQ_DONTWAIT)
      if count >= 0 { messages.append(Array(buffer[..<Int(count)])) } else { usleep(1000) }
    }
    return messages
  }
}
