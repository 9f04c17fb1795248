// swift-tools-version: 6.3
import PackageDescription

// One array for every Swift target: language mode 6, strict memory safety, no warning passes.
let swift: [SwiftSetting] = [
  .strictMemorySafety(), .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]
let c: [CSetting] = [
  .treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra"),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: swift)
}

let stages: [Target.Dependency] = [
  "Adapters", "Checkpoints", "Coordination", "GGUF", "Kernels", "Ledger", "Merging", "Messaging",
  "OrderedJSON", "Planning", "Publishing", "Safetensors", "Storage", "TorchFiles", "Working",
]

// `Scripts/fuzz` builds `shardweld-fuzz`, whose `main` is libFuzzer's; the tool's own is left out.
let isFuzzing = Context.environment["SHARDWELD_FUZZING"] != nil
let tool: Target =
  isFuzzing
  ? .target(
    name: "shardweld", dependencies: ["CLinux"] + stages, exclude: ["Main.swift"],
    swiftSettings: swift)
  : .executableTarget(
    name: "shardweld", dependencies: ["CLinux"] + stages, swiftSettings: swift)
let fuzzer: [Target] =
  isFuzzing
  ? [
    .executableTarget(
      name: "shardweld-fuzz", dependencies: ["CLinux", "Fuzzing", "Storage"],
      path: "Tests/Fuzzer",
      swiftSettings: swift)
  ] : []

let package = Package(
  name: "shardweld",
  products: [
    // Laid under the real program by tests; a product so that it is built as a file of its own.
    .library(name: "FaultShim", type: .dynamic, targets: ["FaultShim"])
  ],
  targets: [
    .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CLinux", cSettings: c),
    .target(name: "CKernels", cSettings: c),
    .target(name: "CPeak", cSettings: c),
    .target(
      name: "CXXHash", cSettings: c, linkerSettings: [.linkedLibrary("xxhash")]),

    module("Storage", ["CLinux", "CXXHash", "CCrypto"]),
    module("OrderedJSON"),
    module("NameExpressions"),
    module("Kernels", ["CKernels"]),
    module("Safetensors", ["OrderedJSON", "Storage"]),
    module("TorchFiles", ["OrderedJSON", "Safetensors", "Storage"]),
    module("GGUF", ["OrderedJSON", "Storage"]),
    module(
      "Checkpoints",
      ["GGUF", "NameExpressions", "OrderedJSON", "Safetensors", "Storage", "TorchFiles"]),
    module(
      "Adapters",
      ["GGUF", "NameExpressions", "OrderedJSON", "Safetensors", "Storage", "TorchFiles"]),
    module(
      "Planning", ["Adapters", "Checkpoints", "GGUF", "OrderedJSON", "Safetensors", "Storage"]),
    module("Ledger", ["OrderedJSON", "Planning", "Storage"]),
    module("Merging", ["GGUF", "Kernels", "Planning", "Safetensors", "Storage"]),
    module("Messaging", ["CLinux", "CZeroMQ", "Planning", "Storage"]),
    module("Publishing", ["Ledger", "OrderedJSON", "Planning", "Safetensors", "Storage"]),
    module("Coordination", ["Ledger", "Messaging", "Planning", "Publishing", "Storage"]),
    module("Working", ["Merging", "Messaging", "Planning", "Storage"]),
    tool,
    .executableTarget(
      name: "shardweld-bench",
      dependencies: ["CLinux", "CPeak", "Simulation", "TestSupport"] + stages,
      swiftSettings: swift),

    .target(
      name: "TestSupport", dependencies: ["OrderedJSON", "Safetensors", "Storage"],
      path: "Tests/TestSupport", swiftSettings: swift),
    .target(
      name: "Simulation", dependencies: ["TestSupport"] + stages, path: "Tests/Simulation",
      swiftSettings: swift),
    .target(
      name: "Fuzzing", dependencies: ["shardweld", "TestSupport"] + stages, path: "Tests/Fuzzing",
      exclude: ["Corpus", "Dictionaries"], swiftSettings: swift),
    tests("StorageTests", ["Storage"]),
    tests("OrderedJSONTests", ["OrderedJSON"]),
    tests("NameExpressionsTests", ["NameExpressions"]),
    tests("KernelsTests", ["Kernels", "CKernels"]),
    tests("SafetensorsTests", ["Safetensors", "Storage"]),
    tests("TorchFilesTests", ["Safetensors", "Storage", "TorchFiles"]),
    tests("GGUFTests", ["GGUF", "Storage"]),
    tests("CheckpointsTests", ["Checkpoints", "GGUF", "OrderedJSON", "Safetensors", "Storage"]),
    tests("AdaptersTests", ["Adapters", "GGUF", "OrderedJSON", "Safetensors", "Storage"]),
    tests("PlanningTests", stages),
    tests("LedgerTests", ["Ledger", "OrderedJSON", "Planning", "Storage"]),
    tests("MergingTests", stages),
    tests("MessagingTests", ["CLinux", "CZeroMQ", "Messaging", "Planning", "Storage"]),
    tests("PublishingTests", stages),
    tests("CoordinationTests", stages),
    tests("WorkingTests", stages),
    tests("SimulationTests", ["Simulation"] + stages),
    tests("CommandTests", ["shardweld"] + stages),
    .target(
      name: "FaultShim", path: "Tests/FaultShim", cSettings: c,
      linkerSettings: [.linkedLibrary("dl")]),
    tests("ProcessTests", ["shardweld", "shardweld-bench"] + stages),
    tests("FuzzingTests", ["Fuzzing", "Storage"]),
    tests("BenchTests", ["shardweld-bench"] + stages),
    tests("TidyTests", []),
  ] + fuzzer,
  swiftLanguageModes: [.v6]
)
