/// A name cut at its first number: `model.layers.`, 12, `.mlp.up_proj.weight`.
struct LayerName {
  var prefix: Substring
  var number: Int
  var rest: Substring

  /// Nil where no part between points is a number.
  init?(_ name: String) {
    var start = name.startIndex
    while start < name.endIndex {
      let end = name[start...].firstIndex(of: ".") ?? name.endIndex
      if let number = Int(name[start..<end]), number >= 0 {
        (prefix, self.number, rest) = (name[..<start], number, name[end...])
        return
      }
      start = end < name.endIndex ? name.index(after: end) : end
    }
    return nil
  }
}
