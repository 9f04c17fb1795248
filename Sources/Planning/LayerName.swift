/// A name cut at its first number: `model.layers.`, 12, `.mlp.up_proj.weight`.
struct LayerName {
  var prefix: Substring
  var number: Int
  var rest: Substring

  /// Nil where no part between points is a number.
  init?(_ name: String) {
    var start = name.startIndex
    // By bytes: a point is one in UTF-8, and looking for characters takes ten times as long.
    let bytes = name.utf8
    while start < name.endIndex {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: ".")) ?? name.endIndex
      if let number = Int(name[start..<end]), number >= 0 {
        (prefix, self.number, rest) = (name[..<start], number, name[end...])
        return
      }
      start = end < name.endIndex ? bytes.index(after: end) : end
    }
    return nil
  }
}
