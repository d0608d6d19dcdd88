// swift-tools-version: 6.2
import PackageDescription

// Its own package, so that the service's build never fetches what only benchmarks need.
let package = Package(
  name: "countersign-benchmarks",
  dependencies: [
    .package(name: "countersign", path: ".."),
    // Runs benchmarks, and compares runs. Without traits: its malloc counter reads 0 on this toolchain whatever
    // happens; allocations are counted by perf/allocations.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: ["SignatureBenchmarks", "CheckBenchmarks"].map { name in
    .executableTarget(
      name: name,
      dependencies: [
        .product(name: "CountersignBenchmarked", package: "countersign"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/\(name)",
      swiftSettings: [.swiftLanguageMode(.v6)],
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  }
)
