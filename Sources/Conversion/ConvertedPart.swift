import Foundation
import Torch
import UnCLIP

/// A part of a model folder in memory, ready to be written.
struct ConvertedPart {
  let part: ModelFolder.Part
  /// The content of its `config.json` or `scheduler_config.json`.
  let configuration: Data
  /// Its weights; empty where it has none.
  var state: [String: Tensor] = [:]
  /// Metadata of the weights file.
  var notes: [String: String] = [:]
}
