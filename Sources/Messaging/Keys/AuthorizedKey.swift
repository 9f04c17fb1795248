// What a line of authorized_keys grants: the words behind the key.
//
//   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 node-17 expires=2027-01-31 from=10.0.0.0/8,fd00::/8

/// A worker's name, and under which conditions its key is good.
struct AuthorizedKey: Sendable {
  /// An option that cannot be read, is unknown, or was given before.
  struct BadOption: Error {
    let text: String
  }

  let name: String
  /// The key is good before this moment.
  private(set) var expires: UTCInstant?
  /// Where the key may be used from; nil is everywhere, this machine's Unix sockets included.
  private(set) var from: [AddressRange]?

  /// A key without conditions.
  init(name: String) { self.name = name }

  /// Reads options, in any order.
  init(name: String, options: ArraySlice<Substring>) throws(BadOption) {
    self.name = name
    for option in options {
      let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, add(parts[0], parts[1]) else {
        throw BadOption(text: Self.shown(option))
      }
    }
  }

  /// What speaks against the key at a moment (seconds since 1970), used from an address; a peer on
  /// a Unix socket has none.
  func fault(at now: Int64, from address: String) -> KeyFault? {
    if let expires, now >= expires.seconds { return .expired(expires) }
    if let from, !from.contains(where: { $0.contains(address) }) { return .elsewhere }
    return nil
  }

  private mutating func add(_ option: Substring, _ value: Substring) -> Bool {
    switch option {
    case "expires":
      guard expires == nil, let date = UTCInstant(value) else { return false }
      expires = date
    case "from":
      let texts = value.split(separator: ",", omittingEmptySubsequences: false)
      let ranges = texts.compactMap { AddressRange($0) }
      guard from == nil, ranges.count == texts.count else { return false }
      from = ranges
    default: return false
    }
    return true
  }

  /// The beginning of an option, as it may be shown.
  private static func shown(_ option: Substring) -> String {
    let scalars = option.unicodeScalars.prefix(64).filter { !MessageCodec.isControl($0) }
    return String(String.UnicodeScalarView(scalars))
  }
}
