import Foundation
public import UnCLIP

extension ModelFolder {
  /// The bundled model, which draws emoji at 64 and 256 pixels; its card is `README.md` in the folder.
  ///
  /// SwiftPM copies it beside the program that is built with it. A program moved elsewhere takes
  /// `swift-unclip_SmallModel.resources` along.
  public static var small: ModelFolder {
    ModelFolder(Bundle.module.bundleURL.appending(path: "small"))
  }
}
