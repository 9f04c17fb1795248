// Addresses as ZeroMQ spells them, checked before a socket sees them: libzmq's own refusal names
// neither the flag nor the fault.

enum Endpoint {
  /// `tcp://HOST:PORT` (`[…]` around an IPv6 host) or `ipc://PATH`. A listener may say `*` for
  /// every interface and for any free port; who connects must name both.
  static func isValid(_ text: String, isListening: Bool) -> Bool {
    if text.hasPrefix("ipc://") { return text.utf8.count > "ipc://".utf8.count }
    guard text.hasPrefix("tcp://") else { return false }
    let rest = text.dropFirst("tcp://".count)
    guard let colon = rest.lastIndex(of: ":") else { return false }
    let host = rest[..<colon]
    let port = String(rest[rest.index(after: colon)...])
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    guard !host.isEmpty, isBracketed || !host.contains(":"), !host.contains(where: \.isWhitespace)
    else { return false }
    if isListening && port == "*" { return true }
    guard let number = Quantity.count(port), number <= 65535 else { return false }
    return isListening || (number > 0 && host != "*")
  }
}
