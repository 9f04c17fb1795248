// A disk in memory that lies and dies like real ones, shared by simulated processes on simulated
// hosts. Everything runs on one thread and is decided by one seeded generator: the same seed gives
// the same trace. Real code runs on it below `SimulatedProcess.run`.
import Storage
package import TestSupport

/// The disk, its clock and its processes.
///
/// Unchecked: it never leaves the thread that made it; `Kernel` asks for Sendable all the same.
package final class SimulatedDisk: @unchecked Sendable {
  package let model: DiskModel
  /// Decides losses and faults by chance, and draws nonces.
  package var generator: SeededGenerator
  /// The wall clock of all hosts.
  package var milliseconds: Int64 = 1_700_000_000_000
  package var faults: [DiskFault] = []
  /// How likely a call fails, in a way the generator draws from what befalls calls of its kind.
  package var faultChance = 0.0
  /// Called after every operation that a living process made.
  package var onOperation: ((DiskOperation) -> Void)?
  /// Called when a process rests, with its number; without it the clock goes on by as much.
  package var onPause: ((_ process: Int, _ milliseconds: Int) -> Void)?
  /// Operations of all processes so far.
  package private(set) var operationCount = 0

  var image: DiskImage
  private var processes: [ProcessState] = []
  private var hosts: [HostState] = []
  private var trace = DiskTrace()

  /// What the disk knows of a process.
  struct ProcessState {
    var host: Int32
    var isDead = false
    var descriptors: [Descriptor?] = []
    var counts = [Int](repeating: 0, count: DiskOperation.Kind.allCases.count)
  }

  /// An open file or folder.
  struct Descriptor {
    var node: Int32
    var path: String
    var isWritable: Bool
  }

  private struct HostState {
    var name: String
    /// Counts starts.
    var boot = 1
    var cache = ClientCache()
  }

  package init(_ model: DiskModel = DiskModel(), seed: UInt64) {
    self.model = model
    generator = SeededGenerator(seed: seed)
    image = DiskImage(model)
  }

  /// A disk with the same content, caches and clock, and no processes: as if all had been killed.
  package func copy(seed: UInt64) -> SimulatedDisk {
    let copy = SimulatedDisk(model, seed: seed)
    copy.image = image
    copy.image.forgetProcesses()
    copy.milliseconds = milliseconds
    copy.hosts = hosts
    return copy
  }

  /// Calls so far that the last of the faults was looked for at.
  package var faultCount: Int { faults.last?.seen ?? 0 }

  /// A digest of all operations in their order: equal exactly for equal runs.
  package var traceDigest: UInt64 { trace.digest }

  // MARK: Processes

  /// Starts a process; without a boot's name it is the host's own, which a power cut changes.
  package func process(
    host: String, bootID: String? = nil, processID: Int
  ) -> SimulatedProcess {
    let number: Int
    if let known = hosts.firstIndex(where: { $0.name == host }) {
      number = known
    } else {
      hosts.append(HostState(name: host))
      number = hosts.count - 1
    }
    processes.append(ProcessState(host: Int32(number)))
    return SimulatedProcess(
      self, number: processes.count - 1, host: Int32(number), hostName: host,
      bootID: bootID ?? "\(host)-boot-\(hosts[number].boot)", processID: processID)
  }

  /// Ends a process: its files are closed, its locks free; what it wrote stays in the cache.
  package func kill(_ process: SimulatedProcess) { kill(process.number) }

  func kill(_ number: Int) {
    guard !processes[number].isDead else { return }
    for descriptor in processes[number].descriptors.indices {
      _ = close(Int32(descriptor), of: number)
    }
    processes[number].isDead = true
  }

  func isDead(_ number: Int) -> Bool { processes[number].isDead }

  /// How often a process made calls of a kind.
  package func count(_ kind: DiskOperation.Kind, of process: SimulatedProcess) -> Int {
    processes[process.number].counts[kind.rawValue]
  }

  // MARK: Disasters

  /// A host loses its power. On a network only what lay in its own cache is in danger; else the
  /// disk is its own, and all hosts stand for one machine.
  package func cutPower(host: String, _ loss: Loss) {
    guard let number = hosts.firstIndex(where: { $0.name == host }) else { return }
    guard model.isNetwork else { return cutPower(loss) }
    for process in processes.indices where processes[process].host == Int32(number) {
      kill(process)
    }
    hosts[number].boot += 1
    hosts[number].cache.forgetAll()
    image.cutPower(ofHost: Int32(number), loss, &generator)
  }

  /// Every host and the disk lose their power.
  package func cutPower(_ loss: Loss) {
    for process in processes.indices { kill(process) }
    for number in hosts.indices {
      hosts[number].boot += 1
      hosts[number].cache.forgetAll()
    }
    image.cutPower(loss, &generator)
  }

  /// Turns over one bit of a file, in the cache and on the platter.
  package func flip(_ path: String, bit: Int) {
    let node = image.find(path).node
    invariant(node >= 0 && !image[node].isFolder, "\(path) is no file to flip a bit of")
    image[node].content.flip(bit: bit)
  }

  // MARK: Looking without a call

  /// What processes see of a file; nil where there is none.
  package func bytes(_ path: String) -> [UInt8]? {
    let node = image.find(path).node
    return node >= 0 && !image[node].isFolder ? image[node].content.bytes : nil
  }

  /// Names in a folder, sorted; nil where there is none.
  package func names(_ path: String) -> [String]? {
    let node = image.find(path).node
    return node >= 0 && image[node].isFolder ? image[node].names.entries.map(\.name) : nil
  }

  package func exists(_ path: String) -> Bool { image.find(path).node >= 0 }

  /// Bytes of all files together.
  package var byteCount: Int { image.byteCount }

  // MARK: For processes

  /// The fault that falls on a call, by plan or by chance.
  func fault(
    on process: Int, _ kind: DiskOperation.Kind, _ path: String
  ) -> DiskFault.Effect? {
    var effect: DiskFault.Effect?
    for index in faults.indices where faults[index].falls(on: process, kind, path) {
      effect = effect ?? faults[index].effect
    }
    if effect == nil, faultChance > 0, generator.uniform() < faultChance {
      effect = DiskFault.Effect.drawn(for: kind, &generator)
    }
    return effect
  }

  func note(_ operation: DiskOperation) {
    operationCount += 1
    processes[operation.process].counts[operation.kind.rawValue] += 1
    trace.add(operation)
    onOperation?(operation)
  }

  func descriptor(_ number: Int32, of process: Int) -> Descriptor? {
    let open = processes[process].descriptors
    return open.indices.contains(Int(number)) ? open[Int(number)] : nil
  }

  /// Gives a node the lowest free descriptor.
  func open(_ node: Int32, _ path: String, isWritable: Bool, of process: Int) -> Int32 {
    image.open(node)
    let new = Descriptor(node: node, path: path, isWritable: isWritable)
    if let free = processes[process].descriptors.firstIndex(where: { $0 == nil }) {
      processes[process].descriptors[free] = new
      return Int32(free)
    }
    processes[process].descriptors.append(new)
    return Int32(processes[process].descriptors.count - 1)
  }

  func close(_ number: Int32, of process: Int) -> Int32 {
    guard let old = descriptor(number, of: process) else { return -Self.badDescriptor }
    processes[process].descriptors[Int(number)] = nil
    let locker = DiskNode.Locker(process: process, descriptor: number)
    if image[old.node].locker == locker { image[old.node].locker = nil }
    image.close(old.node)
    return 0
  }

  private static let badDescriptor: Int32 = 9  // EBADF

  /// The attribute cache of a host, and how long it will believe what it fetches now.
  func withCache<Result>(
    of host: Int32, _ body: (inout ClientCache, _ age: () -> Int64) -> Result
  ) -> Result {
    let longest = UInt64(model.staleMilliseconds)
    return body(&hosts[Int(host)].cache) { Int64(generator.next() % (longest + 1)) }
  }
}
