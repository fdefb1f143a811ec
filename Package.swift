// swift-tools-version: 6.2
import PackageDescription

// SHMAPPER_EMBEDDED=1 builds everything that is installed, as Embedded Swift. Without it the same targets are ordinary
// Swift, which the tests, the sanitizers and the fuzzers use. One scratch path for each: see the Makefile.
let embedded = Context.environment["SHMAPPER_EMBEDDED"] == "1"
let root = Context.packageDirectory

let swift: [SwiftSetting] =
  [.enableExperimentalFeature("Lifetimes"), .strictMemorySafety()]
  + (embedded
    ? [
      .enableExperimentalFeature("Embedded"),
      // Exclusive access is checked where the tests run, not where every kilobyte counts.
      .unsafeFlags([
        "-no-static-stdlib", "-wmo", "-Osize", "-Xfrontend", "-function-sections", "-enforce-exclusivity=unchecked",
      ]),
    ] : [])

/// The toolkit's modules do without unwind tables, as the C functions do: nothing unwinds through them, debuggers follow the frame
/// pointers, and they are an eighth of the library.
let kit: [SwiftSetting] =
  swift + (embedded ? [.unsafeFlags(["-Xcc", "-fno-asynchronous-unwind-tables", "-Xcc", "-fno-unwind-tables"])] : [])

let link: [LinkerSetting] =
  embedded
  ? [
    // libsystemd comes after --as-needed, not where pkg-config would put it: the preload library must not load it.
    .unsafeFlags([
      "-enable-experimental-feature", "Embedded", "-Xlinker", "--gc-sections", "-Xlinker", "--as-needed",
      "-Xlinker", "-lsystemd", "-Xlinker", "--icf=safe", "-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z",
      "-Xlinker", "now",
    ]),
    .linkedLibrary("m"),
  ] : []

/// The few C functions: each in a section of its own, so that a product holds only those that it calls.
let c: [CSetting] =
  embedded ? [.unsafeFlags(["-Os", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"])] : []

/// Settings of a shared library: its soname, and a version script that hides all but its C functions.
func library(_ soname: String, _ script: String) -> [LinkerSetting] {
  guard embedded else { return link }
  return link + [
    .unsafeFlags([
      "-Xlinker", "--icf=safe", "-Xlinker", "-soname=\(soname)", "-Xlinker",
      "--version-script=\(root)/packaging/symbols/\(script)",
    ])
  ]
}

let installed: [Target] = [
  .systemLibrary(name: "CLibSystemd", path: "Sources/CLibSystemd", pkgConfig: embedded ? nil : "libsystemd"),
  .systemLibrary(name: "CLibXML2", path: "Sources/CLibXML2", pkgConfig: "libxml-2.0"),
  .target(name: "CSystem", cSettings: c),
  .target(name: "CSDBus", dependencies: ["CLibSystemd"], cSettings: c),
  .target(name: "ShMap", dependencies: ["CSystem"], path: "Sources/ShMap/Kit", swiftSettings: kit),
  .systemLibrary(name: "CShMap", path: "Sources/ShMap/Library/CShMap"),
  .target(
    name: "LibShmap", dependencies: ["ShMap", "CShMap", "CSystem"], path: "Sources/ShMap/Library/Exports",
    swiftSettings: kit,
    // Not the platform's linker, which leaves up to a page of nothing before what is read-only after start.
    linkerSettings: library("libshmap.so.0", "shmap.ver") + (embedded ? [.unsafeFlags(["-use-ld=lld"])] : [])),
  .target(
    name: "Database", dependencies: ["ShMap", "CSystem"], path: "Sources/Mapper/Database", swiftSettings: swift),
  .target(
    name: "Bus", dependencies: ["Database", "CSDBus", "CLibSystemd", "CSystem"], path: "Sources/Mapper/Bus",
    swiftSettings: swift),
  .target(
    name: "IntrospectionData", dependencies: ["Database", "CLibXML2", "CSystem"], path: "Sources/Mapper/Introspection",
    swiftSettings: swift),
  .target(
    name: "BusReplies", dependencies: ["Database", "CLibSystemd"], path: "Sources/Mapper/Replies", swiftSettings: swift),
  .executableTarget(
    name: "shmapperd",
    dependencies: ["Bus", "BusReplies", "IntrospectionData", "Database", "ShMap", "CSDBus", "CLibSystemd", "CSystem"],
    path: "Sources/Mapper/Daemon", swiftSettings: swift, linkerSettings: link),
  .target(
    name: "MapperClient", dependencies: ["Database", "ShMap", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/Client", swiftSettings: swift),
  .target(
    name: "Waiting", dependencies: ["MapperClient", "BusReplies", "Database", "ShMap", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/Waiting", swiftSettings: swift),
  .systemLibrary(name: "CMapper", path: "Sources/Compat/LibMapper/CMapper"),
  .target(
    name: "LibMapper", dependencies: ["Waiting", "CMapper", "Database", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/LibMapper/Exports", swiftSettings: swift,
    linkerSettings: library("libmapper.so.1", "mapper.ver")),
  .target(
    name: "MapperTool", dependencies: ["Waiting", "Database", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/MapperTool", swiftSettings: swift),
  .target(name: "CShmapper", path: "Sources/Compat/Library/C", cSettings: c),
  .target(
    name: "LibShmapper", dependencies: ["CShmapper", "MapperClient", "Database", "CSystem"],
    path: "Sources/Compat/Library/Swift", swiftSettings: swift,
    linkerSettings: library("libshmapper.so.0", "shmapper.ver")),
  .executableTarget(
    name: "shmapperctl",
    dependencies: ["MapperTool", "Waiting", "MapperClient", "Database", "ShMap", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/Control", swiftSettings: swift, linkerSettings: link),
  .executableTarget(
    name: "phosphor-unit-failure-monitor", dependencies: ["Bus", "Database", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/FailureMonitor", swiftSettings: swift, linkerSettings: link),
  .target(name: "CPreload", dependencies: ["CLibSystemd"], cSettings: c),
  .target(
    name: "ShmapperPreload",
    dependencies: ["MapperClient", "BusReplies", "Database", "ShMap", "CPreload", "CLibSystemd", "CSystem"],
    path: "Sources/Compat/Preload", swiftSettings: swift,
    linkerSettings: library("libshmapper-preload.so", "shmapper-preload.ver")),
]

/// Programs that tests start and kill, and that measure: built like what is installed, and installed nowhere.
let exercises: [Target] = [
  .executableTarget(
    name: "churn", dependencies: ["Database", "ShMap", "CSystem"], path: "Tests/Churn", swiftSettings: swift,
    linkerSettings: link),
  .executableTarget(
    name: "times-swift", dependencies: ["MapperClient", "Database", "CSystem"], path: "Benchmarks/Times",
    swiftSettings: swift, linkerSettings: link),
]

let tests: [Target] = [
  .testTarget(name: "ChurnTests", dependencies: ["TestSupport", "churn"], path: "Tests/ChurnTests"),
  .testTarget(
    name: "UnitTests", dependencies: ["ShMap", "Database", "IntrospectionData"], path: "Tests/Unit",
    swiftSettings: swift),
  .target(name: "CTestSupport", path: "Tests/SupportC"),
  .target(name: "TestSupport", dependencies: ["CTestSupport", "CLibSystemd"], path: "Tests/Support"),
  .testTarget(
    name: "ConformanceTests", dependencies: ["TestSupport", "MapperClient", "Database"], path: "Tests/Conformance",
    exclude: ["vectors", "Preload/Programs"]),
  .testTarget(
    name: "PackagingTests", dependencies: ["TestSupport", "phosphor-unit-failure-monitor"], path: "Tests/Packaging"),
  .target(name: "ShMapWorld", dependencies: ["ShMap"], path: "Tests/ShMapWorld", swiftSettings: swift),
  .executableTarget(
    name: "shmap-worker", dependencies: ["ShMap", "ShMapWorld", "CSystem"], path: "Tests/ShMapWorker",
    swiftSettings: swift),
  .testTarget(
    name: "ShMapTests", dependencies: ["ShMap", "ShMapWorld", "TestSupport", "shmap-worker"], path: "Tests/ShMap",
    exclude: ["Programs", "Refusals", "Example"], swiftSettings: swift),
  .testTarget(
    name: "ProgramTests", dependencies: ["TestSupport", "shmapperctl"], path: "Tests/Programs",
    exclude: ["C"]),
  .testTarget(name: "DaemonTests", dependencies: ["TestSupport", "shmapperd"], path: "Tests/Daemon"),
  .testTarget(
    name: "ClientTests", dependencies: ["TestSupport", "MapperClient", "Database", "stress"], path: "Tests/Client"),
  .testTarget(name: "ToolTests", dependencies: ["BenchSupport", "fleet", "demo"], path: "Tests/Tools"),
]

/// What developers run and nobody installs: a simulated BMC, the demo, the benchmark.
let benchmarks: [Target] = [
  .target(name: "BenchSupport", dependencies: ["TestSupport", "CLibSystemd"], path: "Benchmarks/Support"),
  .executableTarget(name: "fleet", dependencies: ["BenchSupport", "CLibSystemd"], path: "Benchmarks/Fleet"),
  .executableTarget(
    name: "stress", dependencies: ["BenchSupport", "TestSupport", "MapperClient", "Database", "CLibSystemd"],
    path: "Benchmarks/Stress"),
  .executableTarget(
    name: "demo", dependencies: ["BenchSupport", "MapperClient", "Database"], path: "Benchmarks/Demo"),
  .executableTarget(name: "times-c", dependencies: ["CShmapper"], path: "Benchmarks/TimesC"),
  .executableTarget(name: "times-sdbus", dependencies: ["CLibSystemd"], path: "Benchmarks/TimesSDBus"),
  .executableTarget(name: "times-wait", dependencies: ["CShmapper", "CLibSystemd"], path: "Benchmarks/TimesWait"),
  .executableTarget(
    name: "bench", dependencies: ["BenchSupport", "TestSupport", "CLibSystemd", "Database", "ShMap"],
    path: "Benchmarks/Bench"),
]

/// SHMAPPER_FUZZ=1: one program for each thing that reads hostile input. They need flags that `make fuzz` gives.
let fuzzers: [Target] =
  Context.environment["SHMAPPER_FUZZ"] == "1"
  ? [
    .target(name: "FuzzDriver", path: "Fuzz/Driver"),
    .executableTarget(
      name: "fuzz-Introspection", dependencies: ["IntrospectionData", "FuzzDriver"], path: "Fuzz/Introspection",
      exclude: ["corpus", "dictionary"], swiftSettings: swift),
    .executableTarget(
      name: "fuzz-ShMap", dependencies: ["ShMap", "CSystem", "FuzzDriver"], path: "Fuzz/ShMap", exclude: ["corpus"],
      swiftSettings: swift),
    .executableTarget(
      name: "fuzz-Pool", dependencies: ["Database", "ShMap", "CSystem", "FuzzDriver"], path: "Fuzz/Pool",
      exclude: ["corpus"], swiftSettings: swift),
  ] : []

let package = Package(
  name: "shmapper",
  products: [
    .library(name: "libshmap", type: .dynamic, targets: ["LibShmap"]),
    // Builds liblibmapper.so, since a product has its name for itself; installed as libmapper.so.1.0.
    .library(name: "libmapper", type: .dynamic, targets: ["LibMapper"]),
    .library(name: "shmapper-preload", type: .dynamic, targets: ["ShmapperPreload"]),
    .library(name: "shmapper", type: .dynamic, targets: ["LibShmapper"]),
    .executable(name: "shmapperctl", targets: ["shmapperctl"]),
    .executable(name: "phosphor-unit-failure-monitor", targets: ["phosphor-unit-failure-monitor"]),
  ],
  targets: installed + exercises + (embedded ? [] : tests + benchmarks + fuzzers)
)
