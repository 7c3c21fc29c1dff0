public import Foundation

/// A model in a run's folder whose weights are averaged with another decay than that of `model`:
/// `model-ema-0.999`.
public struct AveragedModel: Hashable, Sendable {
  /// The decay of the average.
  public let decay: Double

  /// The model of a decay, which need not be there.
  public init(decay: Double) { self.decay = decay }

  private static let prefix = "model-ema-"

  /// The folder's name.
  public var name: String { Self.prefix + "\(decay)" }

  /// The models that a run has, the shortest average first.
  ///
  /// - Parameter run: The run's folder, or the model in it.
  public static func all(of run: URL) -> [AveragedModel] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: Self.folder(of: run).path)
    } catch {
      return []  // What cannot be listed holds no models.
    }
    return names.compactMap { name in
      guard name.hasPrefix(prefix), let decay = Double(name.dropFirst(prefix.count)) else {
        return nil
      }
      let model = AveragedModel(decay: decay)
      return model.name == name ? model : nil
    }.sorted { $0.decay < $1.decay }
  }

  /// Returns its folder in a run, whose model may be named in the run's place.
  public func url(in run: URL) -> URL { Self.folder(of: run).appending(path: name) }

  private static func folder(of run: URL) -> URL {
    run.lastPathComponent == "model" ? run.deletingLastPathComponent() : run
  }
}
