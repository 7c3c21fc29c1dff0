/// What a forward pass of a network costs, counted from its sizes: nothing is computed or allocated.
///
/// Counted are the multiplications and additions of matrix products, convolutions and attention, as
/// PyTorch's `FlopCounterMode` counts them; norms, activations and sums, which are left out, are a
/// hundredth of them. All counts are of one row of a batch.
public struct NetworkCost: Sendable, Equatable {
  /// Floating-point operations of the forward pass.
  public private(set) var forward = 0.0
  /// Those of layers whose input is data: no gradient of it is computed.
  public private(set) var ofData = 0.0
  /// Elements that a forward pass keeps for the backward pass. An estimate: what each layer needs of
  /// its input, without what the allocator adds.
  public private(set) var kept = 0.0
  /// Elements that are alive at once in a forward pass without gradients. An estimate.
  public private(set) var alive = 0.0

  /// Starts at nothing.
  public init() {}

  /// Floating-point operations of a forward and a backward pass, in which every layer computes the
  /// gradient of its weights and, unless its input is data, that of its input.
  public var training: Double { 3 * forward - ofData }

  /// Adds the cost of another network that runs after this one.
  public static func + (a: NetworkCost, b: NetworkCost) -> NetworkCost {
    var sum = a
    sum.forward += b.forward
    sum.ofData += b.ofData
    sum.kept += b.kept
    sum.alive = max(a.alive, b.alive)
    return sum
  }

  /// Adds a linear layer over `rows` positions.
  package mutating func linear(
    _ rows: Int = 1, from inputs: Int, to outputs: Int, ofData: Bool = false
  ) {
    add(2 * Double(rows) * Double(inputs) * Double(outputs), ofData: ofData)
  }

  /// Adds a convolution whose result has `side` × `side` positions.
  package mutating func convolution(
    _ side: Int, from inputs: Int, to outputs: Int, kernel: Int, ofData: Bool = false
  ) {
    linear(side * side, from: inputs * kernel * kernel, to: outputs, ofData: ofData)
  }

  /// Adds the two products of attention.
  package mutating func attention(queries: Int, keys: Int, width: Int) {
    add(4 * Double(queries) * Double(keys) * Double(width), ofData: false)
  }

  /// Adds a pre-norm transformer block over `length` positions.
  package mutating func transformerBlock(
    _ length: Int, width: Int, inner: Int, activation: Activation = .gelu
  ) {
    for _ in 0..<4 { linear(length, from: width, to: width) }
    attention(queries: length, keys: length, width: width)
    linear(length, from: width, to: inner)
    linear(length, from: inner, to: width)
    // Both norms' inputs and results, queries, keys, values and what attention gives; the inner
    // layer before and after its activation, and the gate of x σ(1.702 x).
    let inners = activation == .quickGELU ? 3 : 2
    keeps(Double(length) * Double(8 * width + inners * inner))
    lives(Double(length) * Double(2 * width + 2 * inner))
  }

  /// Adds elements that the backward pass needs.
  package mutating func keeps(_ elements: Double) { kept += elements }

  /// Takes elements that are alive at once, where there are more than anywhere before.
  package mutating func lives(_ elements: Double) { alive = max(alive, elements) }

  private mutating func add(_ operations: Double, ofData isOfData: Bool) {
    forward += operations
    if isOfData { ofData += operations }
  }
}
