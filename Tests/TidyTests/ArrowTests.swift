import Testing

/// Which of our modules each may import: arrows point downwards only.
private let allowed: [String: Set<String>] = [
  "Storage": ["CLinux", "CXXHash", "CCrypto"],
  "OrderedJSON": [],
  "NameExpressions": [],
  "Kernels": ["CKernels"],
  "Safetensors": ["OrderedJSON", "Storage"],
  "TorchFiles": ["OrderedJSON", "Safetensors", "Storage"],
  "GGUF": ["OrderedJSON", "Storage"],
  "Checkpoints": [
    "GGUF", "NameExpressions", "OrderedJSON", "Safetensors", "Storage", "TorchFiles",
  ],
  "Adapters": ["GGUF", "NameExpressions", "OrderedJSON", "Safetensors", "Storage", "TorchFiles"],
  "Planning": ["Adapters", "Checkpoints", "GGUF", "OrderedJSON", "Safetensors", "Storage"],
  "Ledger": ["OrderedJSON", "Planning", "Safetensors", "Storage"],
  "Merging": ["GGUF", "Kernels", "Planning", "Safetensors", "Storage"],
  "Messaging": ["CLinux", "CZeroMQ", "Planning", "Storage"],
  "Publishing": ["Ledger", "OrderedJSON", "Planning", "Safetensors", "Storage"],
  "Coordination": ["Ledger", "Messaging", "Planning", "Publishing", "Storage"],
  "Working": ["Merging", "Messaging", "Planning", "Storage"],
]

/// Modules of the toolchain that each may import beside these.
private let toolchain: [String: Set<String>] = [
  "Coordination": ["Dispatch", "Glibc", "Synchronization"],
  "Merging": ["Dispatch", "Glibc", "Synchronization"],
  "Messaging": ["Glibc", "Synchronization"],
  "Working": ["Dispatch", "Glibc", "Synchronization"],
  "Storage": ["Glibc", "Synchronization"],
  "Ledger": ["Glibc", "Synchronization"], "Publishing": ["Glibc"], "Checkpoints": ["Glibc"],
]

@Test func `every module imports only what lies below it`() {
  let ours = Set(allowed.keys).union(["shardweld"])
  var seen: Set<String> = []
  for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
    guard let modules = allowed[file.target] else { continue }
    seen.insert(file.target)
    let fine = modules.union(toolchain[file.target] ?? [])
    for name in file.imports {
      #expect(fine.contains(name), "\(file.path) imports \(name)")
      #expect(!ours.contains(name) || modules.contains(name), "\(file.path) imports \(name)")
    }
  }
  #expect(seen == Set(allowed.keys))
}

@Test func `only Messaging speaks to ZeroMQ and no module needs full Foundation`() {
  for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
    if file.target != "Messaging" {
      #expect(!file.text.contains("zmq_"), "\(file.path) calls ZeroMQ")
    }
    #expect(!file.imports.contains("Foundation"), "\(file.path) imports Foundation")
  }
}

@Test func `planning is pure: no clock, no randomness, no file is opened`() {
  for file in SourceTree.swift where file.path.hasPrefix("Sources/Planning/") {
    for word in ["File.open", "File.create", "WholeFile", "Folder.", "clock_gettime", ".random("] {
      #expect(!file.text.contains(word), "\(file.path) uses \(word)")
    }
  }
}

@Test func `the machines are pure: no clock, no randomness, no I O`() {
  let machines = SourceTree.swift.filter {
    $0.path.hasPrefix("Sources/") && $0.path.contains("Machine")
  }
  #expect(machines.count >= 2)
  for file in machines {
    for word in ["Glibc", "Dispatch", ".random(", "clock_gettime", "File.", "Folder."] {
      #expect(!file.text.contains(word), "\(file.path) uses \(word)")
    }
  }
}
