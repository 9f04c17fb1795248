extension Array {
  /// The place of the first element that does not belong before a newcomer, found by halving: all
  /// that do must stand before all that do not.
  func partitionPoint(_ isBefore: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
