import Datasets
import Files
import ImageMetrics
import Imaging
import Torch

extension ModelEvaluation {
  /// Generates each plain shape in each colour but white, as `a red triangle`, and finds what it is among
  /// all of them: how a model puts two words together.
  ///
  /// - Returns: The fractions with the right colour and shape, with either, and with both of those that
  ///   training never shows together; the images of these.
  func shapes() throws -> (Measures, [Image]) {
    struct Cell: Equatable {
      let shape: ShapeSprite
      let color: NamedColor
    }
    let cells = ShapeSprite.allCases.flatMap { shape in
      NamedColor.palette.filter { $0 != .white }.map { Cell(shape: shape, color: $0) }
    }
    let side = ConceptJudge.side
    let composer = SceneComposer(side: side, elements: [])
    let scenes = cells.map { composer.image(of: $0.shape, in: $0.color) }
    let judge = ConceptJudge(
      references: Self.tensor(
        scenes.map { Image(width: side, height: side, channels: 3, pixels: $0.pixels) }))
    let images = try scenes.enumerated().map { done, scene in
      LongWork.report("shapes", done, of: scenes.count)
      return try sample(scene.caption)
    }
    LongWork.report("shapes", scenes.count, of: scenes.count)
    let found = judge.nearest(to: Self.tensor(images), 1).map { cells[$0[0]] }
    func fraction(_ isRight: (Cell, Cell) -> Bool, of some: [Int]) -> Double {
      Double(some.filter { isRight(found[$0], cells[$0]) }.count) / Double(some.count)
    }
    let all = Array(cells.indices)
    let heldOut = all.filter { SceneComposer.isHeldOut(cells[$0].shape, in: cells[$0].color) }
    return (
      [
        "shapes": Double(cells.count), "shapes_recall_1": fraction(==, of: all),
        "shapes_color": fraction({ $0.color == $1.color }, of: all),
        "shapes_shape": fraction({ $0.shape == $1.shape }, of: all),
        "shapes_held_out": Double(heldOut.count),
        "shapes_held_out_recall_1": fraction(==, of: heldOut),
      ], heldOut.map { images[$0] }
    )
  }
}
