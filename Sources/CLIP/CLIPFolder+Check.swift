import Foundation

extension CLIPFolder {
  /// Checks that the weights are there and fit the configuration.
  ///
  /// Configurations and the headers of weight files are read, no weights.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  package func checkFit() throws {
    if layout == .openCLIP {
      _ = try loadPreprocessor()
      _ = try logitScale()
      return
    }
    func folder(_ tower: String) -> URL {
      layout == .pipeline ? url.appending(path: tower) : url
    }
    if hasText { try CLIPTextModelWithProjection.checkFit(in: folder("text_encoder")) }
    if hasVision { try CLIPVisionModelWithProjection.checkFit(in: folder("image_encoder")) }
  }
}
