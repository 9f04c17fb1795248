// A pickle is a program for a small machine with a stack and a memo:
//
//   80 02                                  PROTO 2
//   7D 71 00                               EMPTY_DICT, BINPUT 0
//   58 01 00 00 00 61                      BINUNICODE "a"
//   63 "torch._utils\n_rebuild_tensor_v2\n"  GLOBAL
//   28 … 74                                MARK … TUPLE: its arguments
//   52                                     REDUCE: the call
//   73 2E                                  SETITEM, STOP
//
// Python's own machine may call anything. This one knows the opcodes of torch's own writer
// (protocol 2; torch `_weights_only_unpickler.py` lists the same), names of a closed list, and only
// notes down what a call would have made. All else is refused by name.
//
// Memory grows with the pickle's length alone, up to `valueCountMax`, and nothing recurses.

/// Runs one pickle.
struct PickleMachine {
  /// Values a pickle may make: some forty for a tensor.
  static let valueCountMax = 20_000_000
  /// Values that may wait on the stack; torch's writer leaves some thousands at most.
  static let stackCountMax = 1_000_000
  static let memoCountMax = 4_000_000

  let bytes: [UInt8]
  /// The next byte.
  var position: Int
  /// Where the opcode at work begins.
  var opcodeStart = 0
  var heap = PickleHeap()

  private var stack: [PickleValue] = []
  /// Lengths of the stack where a MARK was set.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var valueCount = 0

  init(_ bytes: [UInt8], at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// Runs up to STOP and gives the value; `position` is then behind it.
  mutating func run() throws(TorchFault) -> PickleValue {
    guard try byte() == Opcode.proto.rawValue else { throw .notAPickle }
    let version = try byte()
    guard version == 2 else { throw .protocolVersion(Int(version)) }
    while true {
      opcodeStart = position
      let code = try byte()
      guard let opcode = Opcode(rawValue: code) else {
        throw .opcode(PickleNames.opcode(code), offset: opcodeStart)
      }
      if opcode == .stop { break }
      try step(opcode)
    }
    guard let value = stack.popLast(), stack.isEmpty, marks.isEmpty else { throw malformed }
    return value
  }

  /// Something the opcode at work needs is not there.
  var malformed: TorchFault { .malformedPickle(offset: opcodeStart) }

  // MARK: Steps

  private mutating func step(_ opcode: Opcode) throws(TorchFault) {
    switch opcode {
    case .proto, .stop: throw malformed
    case .none: try push(.none)
    case .newTrue: try push(.bool(true))
    case .newFalse: try push(.bool(false))
    case .binInt: try push(.integer(Int(Int32(truncatingIfNeeded: try word(4)))))
    case .binInt1: try push(.integer(Int(try word(1))))
    case .binInt2: try push(.integer(Int(try word(2))))
    case .long1: try push(try long(Int(try byte())))
    case .binFloat:
      try push(.number(Double(bitPattern: UInt64(bigEndian: UInt64(try word(8))))))
    case .binUnicode: try push(.text(try text(Int(try word(4)))))
    case .shortBinString: try push(.text(try text(Int(try word(1)))))
    case .emptyList: try push(list([]))
    case .emptyTuple: try push(tuple([]))
    case .emptyDict: try push(dict())
    case .mark: marks.append(stack.count)
    case .tuple: try push(tuple(try popMarked()))
    case .tuple1: try push(tuple(try pop(1)))
    case .tuple2: try push(tuple(try pop(2)))
    case .tuple3: try push(tuple(try pop(3)))
    case .append: try append(try pop(1))
    case .appends: try append(try popMarked())
    case .setItem: try setItems(try pop(2))
    case .setItems: try setItems(try popMarked())
    case .binPut: try remember(Int(try word(1)))
    case .longBinPut: try remember(Int(try word(4)))
    case .binGet: try recall(Int(try word(1)))
    case .longBinGet: try recall(Int(try word(4)))
    case .global: try push(.global(try global()))
    case .binPersID: try push(try storage(try pop(1)[0]))
    case .reduce: try reduce()
    case .build: try build()
    }
  }

  private mutating func push(_ value: PickleValue) throws(TorchFault) {
    valueCount += 1
    guard valueCount <= Self.valueCountMax, stack.count < Self.stackCountMax else {
      throw .tooManyValues
    }
    stack.append(value)
  }

  private mutating func pop(_ count: Int) throws(TorchFault) -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw malformed }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values
  }

  /// What lies above the last MARK.
  private mutating func popMarked() throws(TorchFault) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw malformed }
    let values = Array(stack[mark...])
    stack.removeLast(values.count)
    return values
  }

  private mutating func remember(_ index: Int) throws(TorchFault) {
    guard let value = stack.last, stack.count > marks.last ?? 0 else { throw malformed }
    memo[index] = value
    guard memo.count <= Self.memoCountMax else { throw .tooManyValues }
  }

  private mutating func recall(_ index: Int) throws(TorchFault) {
    guard let value = memo[index] else { throw malformed }
    try push(value)
  }

  private mutating func append(_ values: [PickleValue]) throws(TorchFault) {
    guard stack.count > marks.last ?? 0, case .list(let place) = stack.last else {
      throw malformed
    }
    heap.lists[place] += values
  }

  private mutating func setItems(_ values: [PickleValue]) throws(TorchFault) {
    guard stack.count > marks.last ?? 0, case .dict(let place) = stack.last, values.count % 2 == 0
    else { throw malformed }
    for index in stride(from: 0, to: values.count, by: 2) {
      heap.dicts[place].append((values[index], values[index + 1]))
    }
  }

  private mutating func reduce() throws(TorchFault) {
    let parts = try pop(2)
    guard case .tuple(let place) = parts[1] else { throw malformed }
    guard case .global(let global) = parts[0] else { throw .call(parts[0].word) }
    try push(try call(global, heap.lists[place]))
  }

  /// An OrderedDict brings attributes (`_metadata`: versions of modules), which change no tensor.
  private mutating func build() throws(TorchFault) {
    let state = try pop(1)[0]
    guard case .dict = state, stack.count > marks.last ?? 0, case .dict = stack.last else {
      throw .attributes(stack.last?.word ?? "nothing")
    }
  }

  // MARK: Values

  private mutating func list(_ values: [PickleValue]) -> PickleValue {
    heap.lists.append(values)
    return .list(heap.lists.count - 1)
  }

  private mutating func tuple(_ values: [PickleValue]) -> PickleValue {
    heap.lists.append(values)
    return .tuple(heap.lists.count - 1)
  }

  mutating func dict() -> PickleValue {
    heap.dicts.append([])
    return .dict(heap.dicts.count - 1)
  }

  // MARK: Bytes

  private mutating func byte() throws(TorchFault) -> UInt8 {
    guard position < bytes.count else { throw .pickleEnds(offset: bytes.count) }
    position += 1
    return bytes[position - 1]
  }

  /// A little-endian word.
  private mutating func word(_ count: Int) throws(TorchFault) -> UInt64 {
    try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private mutating func take(_ count: Int) throws(TorchFault) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw .pickleEnds(offset: bytes.count) }
    position += count
    return bytes[(position - count)..<position]
  }

  private mutating func text(_ count: Int) throws(TorchFault) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else { throw malformed }
    return text
  }

  /// A whole number of `count` bytes in two's complement.
  private mutating func long(_ count: Int) throws(TorchFault) -> PickleValue {
    let bytes = try take(count)
    guard count <= 8 else { return .other("a number of more than 64 bits") }
    let sign: UInt64 = bytes.last.map { $0 >= 0x80 } == true ? .max : 0
    return .integer(
      Int(truncatingIfNeeded: bytes.reversed().reduce(sign) { $0 << 8 | UInt64($1) }))
  }

  /// Two lines: a module and a name in it.
  private mutating func global() throws(TorchFault) -> TorchGlobal {
    let module = try line()
    let name = try line()
    guard let global = TorchGlobal(module, name) else { throw .global("\(module).\(name)") }
    return global
  }

  private mutating func line() throws(TorchFault) -> String {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else {
      throw .pickleEnds(offset: bytes.count)
    }
    let text = try text(end - position)
    position += 1
    return text
  }
}
