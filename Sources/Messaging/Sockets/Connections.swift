// The connections of a router by their descriptors, as its monitor and the messages tell of them. A
// connection is a stranger's until an authorised message came over it; strangers may be cut off,
// the longest there first, so that no number of them uses up the process's descriptors: without
// one, libzmq's thread spins and the coordinator cannot open its own files.
import Storage

/// Who is connected, how many were lost, and who goes first where there are too many.
///
/// A number comes back for another connection once its disconnection is in the monitor's queue, so
/// the monitor must be read to its end before a message's number is looked up.
struct Connections {
  /// Strangers by their descriptor, each with its place in the order of arrival.
  private var strangers: [Int32: UInt64] = [:]
  private var workers: Set<Int32> = []
  /// Strangers as they came; those gone since are passed over.
  private var arrivals: [(descriptor: Int32, place: UInt64)] = []
  private var firstArrival = 0
  private var arrivalCount: UInt64 = 0
  private var lostCount = 0

  /// Connections that were not cut off.
  var count: Int { strangers.count + workers.count }

  mutating func accepted(_ descriptor: Int32) {
    arrivalCount += 1
    if workers.remove(descriptor) != nil { lostCount += 1 }
    strangers[descriptor] = arrivalCount
    arrivals.append((descriptor, arrivalCount))
    compact()
  }

  /// Notes that an authorised message came over a connection.
  mutating func heard(_ descriptor: Int32) {
    guard !workers.contains(descriptor) else { return }
    if strangers.removeValue(forKey: descriptor) != nil {
      workers.insert(descriptor)
    } else {
      lostCount += 1  // the message outlived its connection
    }
  }

  mutating func disconnected(_ descriptor: Int32) {
    if workers.remove(descriptor) != nil { lostCount += 1 }
    strangers[descriptor] = nil
  }

  /// Workers' connections lost since the last call.
  mutating func takeLostCount() -> Int {
    defer { lostCount = 0 }
    return lostCount
  }

  /// The stranger that has been there longest, forgotten here; nil where there is none.
  mutating func takeOldestStranger() -> Int32? {
    while firstArrival < arrivals.count {
      let (descriptor, place) = arrivals[firstArrival]
      firstArrival += 1
      if strangers[descriptor] == place {
        strangers[descriptor] = nil
        return descriptor
      }
    }
    return nil
  }

  /// Drops what is passed over anyway once it is the larger part.
  private mutating func compact() {
    guard arrivals.count > 64, arrivals.count > 2 * strangers.count else { return }
    arrivals = arrivals[firstArrival...].filter { strangers[$0.descriptor] == $0.place }
    firstArrival = 0
  }
}
