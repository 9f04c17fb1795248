// Addresses that a key may connect from: `10.0.0.0/8`, `fd00::/8`, or one address alone.
import Glibc

/// The addresses of IPv4 or IPv6 that begin with the same bits.
struct AddressRange: Equatable, Sendable {
  // 4 or 16 of them.
  private let bytes: [UInt8]
  private let bitCount: Int

  /// Reads `ADDRESS/BITS` or `ADDRESS`; nil where it is anything else, or where the address has
  /// bits beyond those that count: then one of the two is a slip.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let bytes = Self.bytes(of: String(parts[0])) else { return nil }
    var bitCount = bytes.count * 8
    if parts.count == 2 {
      let digits = parts[1].utf8
      guard (1...3).contains(digits.count),
        digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let count = Int(parts[1]), count <= bitCount
      else { return nil }
      bitCount = count
    }
    self.bytes = bytes
    self.bitCount = bitCount
    for bit in bitCount..<(bytes.count * 8) where bytes[bit / 8] << (bit % 8) & 0x80 != 0 {
      return nil
    }
  }

  /// True where the text is an address of this range. A name, a process or nothing is in none.
  func contains(_ address: String) -> Bool {
    // The interface behind '%' says where a local address holds, not what it is.
    let bare = address.prefix { $0 != "%" }
    guard let other = Self.bytes(of: String(bare)), other.count == bytes.count else { return false }
    for bit in 0..<bitCount where (bytes[bit / 8] ^ other[bit / 8]) << (bit % 8) & 0x80 != 0 {
      return false
    }
    return true
  }

  private static func bytes(of text: String) -> [UInt8]? {
    guard !text.utf8.contains(0) else { return nil }
    var four = [UInt8](repeating: 0, count: 4)
    if unsafe inet_pton(AF_INET, text, &four) == 1 { return four }
    var sixteen = [UInt8](repeating: 0, count: 16)
    if unsafe inet_pton(AF_INET6, text, &sixteen) == 1 { return sixteen }
    return nil
  }
}
