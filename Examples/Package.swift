// swift-tools-version: 6.2
import PackageDescription

// The manifest of a program that uses swift-unclip. In your own, name the package by its address or by the
// folder of a clone:
//   .package(url: "https://…/swift-unclip", branch: "main", traits: [])
//   .package(name: "swift-unclip", path: "../swift-unclip", traits: [])
// Without traits, what the command line alone needs is not fetched.

/// An example with the library products that it uses.
func example(_ name: String, _ products: String...) -> Target {
  .executableTarget(
    name: name, dependencies: products.map { .product(name: $0, package: "swift-unclip") })
}

let package = Package(
  name: "examples",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-unclip", path: "..", traits: [])],
  targets: [
    example("draw", "UnCLIP", "SmallModel"),
    example("between", "UnCLIP", "SmallModel", "Imaging"),
    example("preview", "UnCLIP", "SmallModel"),
    example("vary", "UnCLIP", "SmallModel", "Imaging"),
    example("animate", "UnCLIP", "SmallModel", "Imaging"),
    example("similarity", "CLIP", "SmallModel"),
    example("circle", "Diffusion", "Torch"),
  ]
)
