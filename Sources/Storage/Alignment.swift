extension Int64 {
  /// The next multiple of an alignment; itself where it is one.
  package func aligned(to alignment: Int64) -> Int64 {
    let rest = self % alignment
    return rest == 0 ? self : self + alignment - rest
  }
}
