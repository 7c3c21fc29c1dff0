// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: language mode 6, strict imports, warnings are errors.
let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// A Swift target of this package with the common settings.
func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: swift)
}

/// What a target of the command needs of another package, which library users do not fetch.
func product(_ name: String, _ package: String) -> Target.Dependency {
  .product(name: name, package: package, condition: .when(traits: ["Command"]))
}

/// A C library of the system, found by its name for pkg-config.
func system(_ name: String, _ pkgConfig: String, apt: String, brew: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

/// The tests of one target; golden files lie in `Tests/Golden`.
func tests(_ target: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: target + "Tests",
    dependencies: [.target(name: target), "TestSupport"] + dependencies,
    swiftSettings: swift)
}

/// What `Fuzz/` tests, most of which is no product; `Fuzz/run` asks for it.
let parsers: [Product] =
  Context.environment["UNCLIP_FUZZ"] == nil
  ? []
  : [
    .library(
      name: "Parsers",
      targets: [
        "Torch", "TorchArchive", "Imaging", "Datasets", "CLIP", "Diffusion", "UnCLIP",
        "ImageMetrics", "ModelHub", "UnCLIPServer", "UnCLIPCommand",
      ])
  ]

let package = Package(
  name: "swift-unclip",
  platforms: [.macOS(.v15)],
  products: parsers + [
    .library(name: "UnCLIP", targets: ["UnCLIP"]),
    .library(name: "SmallModel", targets: ["SmallModel"]),
    .library(name: "CLIP", targets: ["CLIP"]),
    .library(name: "Diffusion", targets: ["Diffusion"]),
    .library(name: "Torch", targets: ["Torch", "TorchNN", "Config"]),
    .library(name: "Imaging", targets: ["Imaging"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "Classics", targets: ["Classics"]),
    .library(name: "ImageMetrics", targets: ["ImageMetrics"]),
    .library(name: "Distribution", targets: ["Distribution"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Conversion", targets: ["Conversion", "TorchArchive"]),
    .executable(name: "unclip", targets: ["unclip"]),
  ],
  // A program that uses the libraries asks for `traits: []` and does not fetch these packages.
  traits: [
    .trait(name: "Command", description: "The command line, and what it alone depends on."),
    .trait(name: "MPI", description: "Training by several processes, which MPI starts."),
    .default(enabledTraits: ["Command"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.81.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.8.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
  ],
  targets: [
    // LibTorch is found through .libtorch/pkgconfig/libtorch.pc, which Scripts/setup writes.
    .systemLibrary(name: "CLibTorch", pkgConfig: "libtorch"),
    .target(name: "CTorch", dependencies: ["CLibTorch"]),
    library("Files"),
    library("Config", ["Files"]),
    library("Torch", ["CTorch", "Files"]),
    library("TorchNN", ["Torch", "Config"]),

    system("CPNG", "libpng", apt: "libpng-dev", brew: "libpng"),
    system("CJPEG", "libjpeg", apt: "libjpeg-dev", brew: "jpeg-turbo"),
    system("CWebP", "libwebp", apt: "libwebp-dev", brew: "webp"),
    .target(name: "CImaging", dependencies: ["CPNG", "CJPEG", "CWebP"]),
    library("Imaging", ["CImaging", "CZlib", "Files"]),

    system("CZlib", "zlib", apt: "zlib1g-dev", brew: "zlib"),
    library("TorchArchive", ["Torch", "CZlib"]),

    // MPI is found through .libtorch/pkgconfig/unclip-mpi.pc, which Scripts/setup writes when asked.
    .systemLibrary(name: "CMPILibrary", pkgConfig: "unclip-mpi"),
    .target(
      name: "CMPI",
      dependencies: [.target(name: "CMPILibrary", condition: .when(traits: ["MPI"]))],
      cSettings: [.define("UNCLIP_MPI", .when(traits: ["MPI"]))]),
    library("Distribution", ["CMPI", "Torch", "TorchNN"]),

    library("Diffusion", ["TorchNN"]),
    library("CLIP", ["TorchNN", "Imaging"]),
    library("UnCLIP", ["Diffusion", "CLIP"]),
    // The bundled model as a resource.
    .target(
      name: "SmallModel", dependencies: ["UnCLIP"], path: "Models", resources: [.copy("small")],
      swiftSettings: swift),
    library("Conversion", ["UnCLIP", "TorchArchive"]),
    library("Datasets", ["Imaging", "Config", "CZlib"]),
    library("ImageMetrics", ["TorchNN"]),
    library("Classics", ["ImageMetrics"]),
    library("Training", ["UnCLIP", "Classics", "Datasets", "Distribution", "ImageMetrics"]),
    library(
      "ModelHub",
      [
        "Files", "Config", product("AsyncHTTPClient", "async-http-client"),
        product("Crypto", "swift-crypto"), product("NIOCore", "swift-nio"),
        product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"),
        product("NIOSSL", "swift-nio-ssl"),
      ]),
    library(
      "UnCLIPServer",
      [
        "UnCLIP", product("Hummingbird", "hummingbird"), product("HummingbirdCore", "hummingbird"),
        product("HummingbirdTLS", "hummingbird"), product("NIOCore", "swift-nio"),
        product("NIOHTTP1", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
        product("Crypto", "swift-crypto"), product("GRDB", "GRDB.swift"),
        product("Logging", "swift-log"), product("ServiceLifecycle", "swift-service-lifecycle"),
      ], resources: [.copy("Page/Assets")]),
    library(
      "UnCLIPCommand",
      [
        "Training", "Conversion", "Distribution", "ModelHub", "UnCLIPServer",
        product("Yams", "Yams"),
        product("ArgumentParser", "swift-argument-parser"), product("Logging", "swift-log"),
        product("ServiceLifecycle", "swift-service-lifecycle"),
        product("UnixSignals", "swift-service-lifecycle"),
      ]),
    .target(name: "CStart"),
    .executableTarget(
      name: "unclip", dependencies: ["UnCLIPCommand", "CStart"], swiftSettings: swift),

    .target(
      name: "TestSupport", dependencies: ["Torch", "Files"], path: "Tests/TestSupport",
      swiftSettings: swift),
    tests("Files"),
    tests("Config"),
    tests("Torch"),
    tests("TorchNN"),
    tests("Distribution"),
    tests("Imaging", ["CZlib"]),
    tests("Diffusion"),
    tests("CLIP"),
    tests("UnCLIP"),
    tests("TorchArchive", ["CZlib"]),
    tests("Conversion"),
    tests("Datasets", ["CZlib"]),
    tests("ImageMetrics"),
    tests("Classics"),
    tests("Training"),
    tests(
      "UnCLIPServer",
      [
        product("HummingbirdTesting", "hummingbird"), product("GRDB", "GRDB.swift"),
        product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
      ]),
    tests("ModelHub", [product("NIOHTTP1", "swift-nio")]),
    tests("UnCLIPCommand", [product("Logging", "swift-log")]),
  ],
  cxxLanguageStandard: .cxx20
)
