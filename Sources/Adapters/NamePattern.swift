// PEFT's way to say "these modules": a key of rank_pattern or alpha_pattern matches a module's path
// iff the regular expression ^(.*\.)?(key)$ does, with the key put in as it stands, so that `.` is
// any character and `^` anchors. Source: PEFT `utils/other.py`, get_pattern_key (0.15 and later).
import NameExpressions

/// One compiled key.
struct NamePattern {
  let key: String
  private let form: Form

  private enum Form {
    /// Only letters, digits, `_`, `-` and `.`: compared by hand, with `.` standing for anything.
    case simple([UInt8])
    case expression(NameExpression)
  }

  /// Nil where the key is no regular expression that is read here.
  init?(_ key: String) {
    self.key = key
    let isSimple = key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    if isSimple {
      form = .simple(Array(key.utf8))
    } else {
      guard let expression = NameExpression(key: key) else { return nil }
      form = .expression(expression)
    }
  }

  /// The same for `^.*\.key$`, as PEFT had it before 0.15: alternatives of the key are not held
  /// together by a group.
  init?(below key: String) {
    guard NameExpression(key: key) != nil, let expression = NameExpression(".*\\.\(key)$") else {
      return nil
    }
    self.key = key
    form = .expression(expression)
  }

  func matches(_ path: String) -> Bool {
    switch form {
    case .simple(let key):
      let bytes = Array(path.utf8)
      guard bytes.count >= key.count else { return false }
      let start = bytes.count - key.count
      guard start == 0 || bytes[start - 1] == UInt8(ascii: ".") else { return false }
      return key.indices.allSatisfy { key[$0] == UInt8(ascii: ".") || key[$0] == bytes[start + $0] }
    case .expression(let expression): return expression.matches(path)
    }
  }
}
