import CTorch
public import Foundation

/// The device of a tensor.
public struct Device: Sendable, Hashable, CustomStringConvertible {
  /// The kinds of device that this package knows.
  public enum Kind: Int32, Sendable {
    case cpu = 0
    case cuda = 1
  }

  /// The kind of device.
  public let kind: Kind
  /// Its index among its kind, from 0.
  public let index: Int

  /// The CPU.
  public static let cpu = Device(kind: .cpu, index: 0)

  /// A CUDA device by its index.
  public static func cuda(_ index: Int = 0) -> Device { Device(kind: .cuda, index: index) }

  /// Reads "cpu", "cuda" or "cuda:1".
  ///
  /// - Throws: `DeviceError.unknown` for any other text.
  public init(parsing text: String) throws(DeviceError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("cpu", 1): self = .cpu
    case ("cuda", 1): self = .cuda(0)
    case ("cuda", 2):
      guard let index = Int(parts[1]), (0..<128).contains(index) else {
        throw .unknown(text)
      }
      self = .cuda(index)
    default: throw .unknown(text)
    }
  }

  init(kind: Kind, index: Int) {
    self.kind = kind
    self.index = index
  }

  /// The text that `init(parsing:)` reads.
  public var description: String {
    switch kind {
    case .cpu: "cpu"
    case .cuda: "cuda:\(index)"
    }
  }

  /// Makes the device usable.
  ///
  /// Call it before any tensor is made: LibTorch looks for its CUDA half once.
  /// - Throws: `DeviceError.libraryMissing` when LibTorch here has no CUDA half,
  ///   `DeviceError.noSuchDevice` when there are fewer devices.
  public func require() throws(DeviceError) {
    guard kind == .cuda else { return }
    guard ct_open_library("libtorch_cuda.so") == 0 else {
      throw .libraryMissing(reason: lastFailure())
    }
    var count = 0
    guard ct_cuda_device_count(&count) == 0 else { throw .libraryMissing(reason: lastFailure()) }
    guard index < count else { throw .noSuchDevice(index: index, count: count) }
  }
}

/// The reason why a device cannot be used.
public enum DeviceError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The text names no device.
  case unknown(String)
  /// LibTorch's CUDA library could not be opened.
  case libraryMissing(reason: String)
  /// The machine has fewer devices.
  case noSuchDevice(index: Int, count: Int)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .unknown(let text):
      "Unknown device \"\(text)\": write cpu, cuda or cuda:N."
    case .libraryMissing(let reason):
      "CUDA cannot be used because this LibTorch has no CUDA library (\(reason)): "
        + "set LIBTORCH to a CUDA build and set up again, or use the device cpu."
    case .noSuchDevice(let index, let count):
      "There is no device cuda:\(index) because this machine has "
        + "\(count) usable CUDA device\(count == 1 ? "" : "s"): choose another, or use cpu."
    }
  }
}
