// The connections of a router by their descriptors, as its monitor and the messages tell of them. A
// connection is a stranger's until an authorised message came over it; strangers may be cut off,
// the longest there first, so that no number of them uses up the process's descriptors: without
// one, libzmq's thread spins and the coordinator cannot open its own files.
import Storage

/// Who is connected, who was lost, and who goes first where there are too many.
///
/// A number comes back for another connection once its disconnection is in the monitor's queue, so
/// the monitor must be read to its end before a message's number is looked up.
struct Connections {
  /// Losses kept for somebody who takes them seldom; of more, the first are forgotten.
  static let lostCountMax = 4096

  /// Strangers by their descriptor, each with its place in the order of arrival.
  private var strangers: [Int32: UInt64] = [:]
  private var workers: [Int32: Peer] = [:]
  /// Strangers as they came; those gone since are passed over.
  private var arrivals: [(descriptor: Int32, place: UInt64)] = []
  private var firstArrival = 0
  private var arrivalCount: UInt64 = 0
  private var lost: [Peer] = []
  /// The latest of them all: what they left in the queue must not stand for another connection.
  private var recentlyLost: [Peer] = []

  /// Connections that were not cut off.
  var count: Int { strangers.count + workers.count }

  mutating func accepted(_ descriptor: Int32) {
    arrivalCount += 1
    lose(workers.removeValue(forKey: descriptor))
    strangers[descriptor] = arrivalCount
    arrivals.append((descriptor, arrivalCount))
    compact()
  }

  /// Notes that an authorised message of a peer came over a connection.
  mutating func heard(_ descriptor: Int32, _ peer: Peer) {
    guard workers[descriptor] != peer, !recentlyLost.contains(peer) else { return }
    if strangers.removeValue(forKey: descriptor) != nil {
      workers[descriptor] = peer
    } else if let other = workers[descriptor] {
      lose(other)
      workers[descriptor] = peer
    } else {
      lose(peer)  // the message outlived its connection
    }
  }

  mutating func disconnected(_ descriptor: Int32) {
    lose(workers.removeValue(forKey: descriptor))
    strangers[descriptor] = nil
  }

  /// Peers whose connections were lost since the last call.
  mutating func takeLost() -> [Peer] {
    defer { lost = [] }
    return lost
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

  private mutating func lose(_ peer: Peer?) {
    guard let peer else { return }
    if lost.count == Self.lostCountMax { lost.removeFirst() }
    lost.append(peer)
    if recentlyLost.count == 64 { recentlyLost.removeFirst() }
    recentlyLost.append(peer)
  }

  /// Drops what is passed over anyway once it is the larger part.
  private mutating func compact() {
    guard arrivals.count > 64, arrivals.count > 2 * strangers.count else { return }
    arrivals = arrivals[firstArrival...].filter { strangers[$0.descriptor] == $0.place }
    firstArrival = 0
  }
}
