// swift-tools-version: 6.2
import PackageDescription

// Built by Fuzz/run alone, which adds the flags of libFuzzer and opens the manifest above for it.
let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "swift-unclip", path: "..")],
  targets: [
    .executableTarget(
      name: "fuzz", dependencies: [.product(name: "Parsers", package: "swift-unclip")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
