// swift-tools-version: 6.2
import PackageDescription

/// Every target is built with the same settings; a target that needs less safety says so in a review, not
/// here.
let settings: [SwiftSetting] = [
  // Data races are compile errors.
  .swiftLanguageMode(.v6),
  // Every unsafe construct is spelled `unsafe`: greppable, and fenced to the targets that own C handles or
  // bytes.
  .strictMemorySafety(),
  // A warning nobody fixes is a warning nobody reads.
  .treatAllWarnings(as: .error),
  // `any` is visible where it costs: existentials stay out of the request path.
  .enableUpcomingFeature("ExistentialAny"),
  // An import is internal unless it says otherwise: C modules never leak into a public signature.
  .enableUpcomingFeature("InternalImportsByDefault"),
  // A member is usable only where its module is imported: the arrows between targets stay one way.
  .enableUpcomingFeature("MemberImportVisibility"),
  // Small public functions over `Span` inline across targets only with this (4 times slower per byte
  // without).
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// The byte layer alone returns borrowed views (`Span`) from its own types, which needs lifetime annotations.
let byteLayerSettings: [SwiftSetting] = settings + [.enableExperimentalFeature("Lifetimes")]

func library(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = settings)
  -> Target
{
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ target: String, _ more: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(target)Tests", dependencies: [.byName(name: target), "TestSupport"] + more,
    swiftSettings: settings)
}

let package = Package(
  name: "countersign",
  products: [
    .executable(name: "countersign", targets: ["countersign"]),
    // Load for it, and for any other server that speaks ext_authz.
    .executable(name: "countersign-load", targets: ["countersign-load"]),
    // What Benchmarks/, a package of its own, measures and measures against.
    .library(
      name: "CountersignBenchmarked",
      targets: [
        "Authorizer", "Bytes", "Check", "ExtAuthz", "Issuer", "Istio", "JWT", "Policy", "Signatures",
        "SignatureDifferential",
      ]),
    // What reads octets of strangers: Tests/Fuzz, a package of its own, feeds it.
    .library(
      name: "CountersignFuzzed",
      targets: [
        "Admin", "Bytes", "Certificates", "Check", "Configuration", "ExtAuthz", "HTTP", "Istio", "JSON",
        "JWT", "Policy", "TLS", "YAML",
      ]),
  ],
  dependencies: [
    // The command line: subcommands, `--help` and error messages that users of Swift tools know.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    // Structured operator logs; the request path never logs.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    // The load generator's latencies: the histogram that other load generators use, so that figures compare.
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    // Tests alone: a second reader and writer of the wire format, which ours must agree with.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    // C libraries: module maps and macro shims, nothing else.
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    // No pkgConfig: libcurl is loaded when a key source needs it (Sources/CCurl says why), never linked.
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),

    // Values and formats.
    library("Bytes", [], settings: byteLayerSettings),
    library("JSON", ["Bytes"]),
    library("YAML", ["CYAML", "Bytes"]),
    library("Check", ["Bytes"]),
    library("Certificates", ["Bytes"]),
    library("ExtAuthz", ["Check", "Bytes"]),
    library("Signatures", ["COpenSSL", "Bytes"]),
    library("JWT", ["Signatures", "JSON", "Bytes"]),
    library("Issuer", ["Signatures", "JWT", "JSON", "Bytes"]),

    // Policies.
    library("Istio", ["YAML", "JSON", "JWT", "Bytes"]),
    library("Policy", ["Istio", "Check", "Certificates", "JWT", "JSON", "Bytes"]),
    library("Lint", ["Policy", "Istio"]),
    library("Authorizer", ["Policy", "KeySets", "Istio", "Check", "JWT", "Signatures", "JSON", "Bytes"]),

    // The machine.
    library("Metrics", ["Bytes", "CJemalloc"]),
    library("System", ["CLinux", "Bytes"]),
    library("Fetch", ["CCurl", "COpenSSL", "System", "Bytes"]),
    library("TLS", ["COpenSSL", "Bytes"]),
    library("KeySets", ["Fetch", "Istio", "JWT", "Signatures", "System", "JSON", "Bytes"]),
    library("EventLoop", ["System", "CLinux", "Bytes"]),
    library("HTTP", ["CNghttp2", "Bytes"]),
    library(
      "Server",
      [
        "KeySets", "TLS", "HTTP", "EventLoop", "System", "ExtAuthz", "Authorizer", "DecisionLog", "JSON",
        "Policy",
        "JWT", "Signatures",
        "Metrics",
        "Check",
        "Bytes",
      ]),
    library("DecisionLog", ["System", "JSON", "Bytes"]),
    library("Admin", ["EventLoop", "System", "Metrics", "JSON", "Bytes"]),
    library(
      "Configuration",
      [
        "DecisionLog", "Istio", "Policy", "Authorizer", "KeySets", "Fetch", "JWT", "ExtAuthz", "HTTP",
        "Server", "System", "TLS",
        "YAML", "JSON",
        "Bytes",
      ]),
    library(
      "PolicyTesting",
      [
        "Configuration", "Authorizer", "Policy", "Istio", "Issuer", "Signatures", "ExtAuthz", "Check",
        "System", "YAML", "JSON", "Bytes",
      ]),
    library(
      "Explanation",
      [
        "Authorizer", "Policy", "KeySets", "Istio", "ExtAuthz", "Check", "JWT", "Signatures", "System",
        "JSON",
        "Bytes",
      ]),
    .executableTarget(
      name: "countersign",
      dependencies: [
        "Admin", "Authorizer", "Bytes", "Configuration", "DecisionLog", "Explanation", "ExtAuthz", "Fetch",
        "Issuer",
        "Istio", "JSON",
        "JWT", "KeySets", "Lint", "Metrics",
        "Policy", "PolicyTesting",
        "Server", "Signatures", "System", "TLS",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),

    library("Load", ["Bytes", .product(name: "Histogram", package: "hdrhistogram-swift")]),
    .executableTarget(
      name: "countersign-load",
      dependencies: [
        "Load", "HTTP", "EventLoop", "ExtAuthz", "Issuer", "Signatures", "System", "JSON", "Bytes",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    // What the transport alone costs: perf/run tells a check's CPU time beside it.
    .executableTarget(
      name: "transport-floor", dependencies: ["HTTP", "EventLoop", "System", "Bytes"], path: "perf/floor",
      swiftSettings: settings),

    // Tests mirror Sources, name for name.
    .target(name: "TestSupport", dependencies: ["Bytes"], path: "Tests/TestSupport", swiftSettings: settings),
    // What the specification says about a request, slowly; it knows nothing of ours.
    .target(
      name: "PolicyOracle", dependencies: ["TestSupport"], path: "Tests/PolicyOracle", swiftSettings: settings
    ),
    // Both asked the same: a command, since a million questions take a release build.
    .target(
      name: "PolicyDifferential",
      dependencies: [
        "PolicyOracle", "Authorizer", "Policy", "Istio", "ExtAuthz", "Check", "JWT", "Signatures", "Bytes",
      ],
      path: "Tests/PolicyDifferential", exclude: ["mutate", "mutations"], swiftSettings: settings),
    .executableTarget(
      name: "policy-differential", dependencies: ["PolicyDifferential", "PolicyOracle"],
      path: "Tests/PolicyDifferentialCommand", swiftSettings: settings),
    // ECDSA by tables and by libcrypto alone, asked the same; and what each algorithm costs beside libcrypto.
    .target(
      name: "SignatureDifferential", dependencies: ["Signatures", "COpenSSL", "TestSupport", "Bytes"],
      path: "Tests/SignatureDifferential", swiftSettings: settings),
    .executableTarget(
      name: "signature-differential", dependencies: ["SignatureDifferential", "Signatures"],
      path: "Tests/SignatureDifferentialCommand", swiftSettings: settings),
    tests("Bytes"),
    tests("JSON"),
    tests("YAML"),
    tests("Check", ["Bytes"]),
    tests("Certificates", ["COpenSSL", "Bytes"]),
    .testTarget(
      name: "ExtAuthzTests",
      dependencies: [
        "ExtAuthz", "ExtAuthzTestMessages", "TestSupport", "Check", "Bytes",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Proto"], swiftSettings: settings),
    // Generated code (Tests/ExtAuthzTests/Proto/generate.sh): built with its generator's settings, not ours.
    .target(
      name: "ExtAuthzTestMessages",
      dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      path: "Tests/ExtAuthzTestMessages"),
    tests("Signatures", ["SignatureDifferential", "COpenSSL", "Bytes"]),
    tests("JWT", ["Signatures", "Issuer", "JSON", "Bytes"]),
    tests("Issuer", ["Signatures", "JWT", "JSON", "Bytes"]),
    tests("Istio", ["YAML", "JWT"]),
    tests(
      "Policy",
      [
        "Istio", "Check", "Certificates", "JWT", "Signatures", "JSON", "Bytes",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    tests(
      "Authorizer",
      ["Policy", "KeySets", "Istio", "Check", "JWT", "Issuer", "Signatures", "Metrics", "JSON", "Bytes"]),
    .testTarget(
      name: "PolicyOracleTests", dependencies: ["PolicyOracle", "PolicyDifferential", "TestSupport"],
      swiftSettings: settings),
    tests("Metrics", ["Bytes"]),
    tests("System", ["Bytes"]),
    // A web server that answers well and badly, and an authority for its certificates.
    .target(
      name: "WebTestServer", dependencies: ["COpenSSL", "Bytes"], path: "Tests/WebTestServer",
      swiftSettings: settings),
    tests("Fetch", ["WebTestServer", "System", "Bytes"]),
    tests("KeySets", ["WebTestServer", "Fetch", "Istio", "JWT", "Signatures", "Issuer", "System", "Bytes"]),
    tests("TLS", ["WebTestServer", "Bytes"]),
    tests("EventLoop", ["System", "Bytes"]),
    tests("HTTP", ["Bytes"]),
    tests(
      "Server",
      [
        "HTTP", "Authorizer", "ExtAuthz", "ExtAuthzTestMessages", "Issuer", "Istio", "Policy", "JWT",
        "WebTestServer", "TLS", "Signatures", "KeySets", "EventLoop", "Check", "System", "Metrics", "Bytes",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    tests("Admin", ["EventLoop", "System", "Metrics", "JSON", "Bytes"]),
    tests("DecisionLog", ["System", "Bytes"]),
    tests(
      "Configuration",
      [
        "Authorizer", "KeySets", "Fetch", "JWT", "Istio", "Policy", "Server", "HTTP", "System", "TLS",
        "Bytes",
        "YAML",
      ]),
    tests("PolicyTesting", ["Istio", "System", "Bytes"]),
    tests("Lint", ["Istio", "Policy"]),
    tests("Load", ["ExtAuthz", "JSON", "Bytes"]),
    tests(
      "Explanation",
      ["Authorizer", "Policy", "ExtAuthz", "Istio", "Issuer", "Signatures", "JSON", "Bytes"]),
    // The repository's own rules.
    .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: settings),
    // The whole program as its own process, behind the real Envoy.
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "countersign", "countersign-load", "Issuer", "Signatures", "System", "WebTestServer", "YAML", "Bytes",
        "TestSupport",
      ],
      swiftSettings: settings),
  ]
)
