import Foundation
import Imaging

/// Renders SVG files with librsvg's program `rsvg-convert`.
enum DrawingRenderer {
  private static let tool = "rsvg-convert"
  /// The longest side that is rendered, in pixels.
  static let mostSide = 4096

  /// Says whether the program is there.
  ///
  /// - Throws: `DataError.package` if not.
  static func check() throws(DataError) {
    do {
      guard try Subprocess.run(tool, ["--version"]).status == 0 else {
        throw CocoaError(.fileNoSuchFile)
      }
    } catch {
      throw .package(
        name: "librsvg2-bin", reason: "the program `\(tool)` is not on this machine")
    }
  }

  /// Renders a drawing with `side` pixels on its longer side; nil if it cannot be drawn.
  static func image(of drawing: URL, side: Int) -> Image? {
    let side = "\(side)"
    do {
      let output = try Subprocess.run(
        tool, ["--keep-aspect-ratio", "--width", side, "--height", side, drawing.path])
      guard output.status == 0 else { return nil }
      return try ImageDecoder.decode(output.standardOutput, name: drawing.path)
    } catch {
      return nil
    }
  }
}
