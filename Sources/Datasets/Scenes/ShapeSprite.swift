import Foundation

/// Plain shapes with a name: circles, squares, stars, hearts.
public enum ShapeSprite: String, Sendable, CaseIterable {
  /// Shapes by their English name.
  case circle, square, triangle, star, heart, diamond, rectangle, oval, ring, cross, hexagon

  /// Returns the antialiased shape in one colour, filling `side` pixels but for a narrow margin.
  public func sprite(side: Int, red: UInt8, green: UInt8, blue: UInt8) -> Sprite {
    var pixels = [UInt8](repeating: 0, count: side * side * 4)
    let grid = 4
    let scale = 2.1 / Double(side)
    for y in 0..<side {
      for x in 0..<side {
        var inside = 0
        for sub in 0..<grid * grid {
          let px = (Double(x) + (Double(sub % grid) + 0.5) / Double(grid)) * scale - 1.05
          let py = (Double(y) + (Double(sub / grid) + 0.5) / Double(grid)) * scale - 1.05
          if contains(px, py) { inside += 1 }
        }
        guard inside > 0 else { continue }
        let index = (y * side + x) * 4
        let samples = grid * grid
        pixels[index] = UInt8(Int(red) * inside / samples)
        pixels[index + 1] = UInt8(Int(green) * inside / samples)
        pixels[index + 2] = UInt8(Int(blue) * inside / samples)
        pixels[index + 3] = UInt8(255 * inside / samples)
      }
    }
    return Sprite(width: side, height: side, premultiplied: pixels)
  }

  /// Returns whether the point lies in the shape; both axes run from -1 to 1, y downwards.
  func contains(_ x: Double, _ y: Double) -> Bool {
    switch self {
    case .circle: return x * x + y * y <= 1
    case .square: return max(abs(x), abs(y)) <= 0.88
    case .rectangle: return abs(x) <= 1 && abs(y) <= 0.6
    case .oval: return x * x + y * y / 0.4225 <= 1
    case .ring: return (0.36...1).contains(x * x + y * y)
    case .triangle: return y <= 0.85 && y >= -0.9 && abs(x) <= (y + 0.9) / 1.75
    case .diamond: return abs(x) / 0.75 + abs(y) <= 1
    case .hexagon: return abs(y) <= 0.866 && abs(x) + abs(y) / 1.732 <= 1
    case .cross: return min(abs(x), abs(y)) <= 0.32 && max(abs(x), abs(y)) <= 0.95
    case .star:
      // Ten edges between the outer radius 1 and the inner radius 0.42, by symmetry one of them.
      let sector = 2 * Double.pi / 5
      var angle = atan2(x, -y).truncatingRemainder(dividingBy: sector)
      if angle < 0 { angle += sector }
      angle = min(angle, sector - angle)
      let radius = (x * x + y * y).squareRoot()
      let (ax, ay) = (0.42 * sin(sector / 2), 0.42 * cos(sector / 2))
      return (radius * cos(angle) - 1) * ax - radius * sin(angle) * (ay - 1) <= 0
    case .heart:
      let (u, v) = (x * 1.18, 0.12 - y * 1.18)
      let ring = u * u + v * v - 1
      return ring * ring * ring - u * u * v * v * v <= 0
    }
  }
}
