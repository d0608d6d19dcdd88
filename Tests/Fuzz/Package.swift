// swift-tools-version: 6.2
import PackageDescription

// Its own package, built with libFuzzer's instrumentation: Tests/Fuzz/run does so.
let package = Package(
  name: "countersign-fuzz",
  dependencies: [.package(name: "countersign", path: "../..")],
  targets: [
    .executableTarget(
      name: "fuzz", dependencies: [.product(name: "CountersignFuzzed", package: "countersign")],
      swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-parse-as-library"])])
  ]
)
