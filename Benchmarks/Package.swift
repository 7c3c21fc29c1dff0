// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "swift-unclip", path: "..", traits: [])],
  targets: [
    .executableTarget(
      name: "unclip-benchmark",
      dependencies: [
        .product(name: "Torch", package: "swift-unclip"),
        .product(name: "CLIP", package: "swift-unclip"),
        .product(name: "UnCLIP", package: "swift-unclip"),
        .product(name: "Diffusion", package: "swift-unclip"),
        .product(name: "Classics", package: "swift-unclip"),
      ])
  ]
)
