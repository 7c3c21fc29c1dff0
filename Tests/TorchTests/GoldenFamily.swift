import TestSupport
import Testing
import Torch

/// The operands of a golden file, by name.
struct Operands {
  let tensors: [String: Tensor]

  subscript(name: String) -> Tensor {
    guard let tensor = tensors[name] else { preconditionFailure("no operand \(name)") }
    return tensor
  }
}

/// Compares every `out.NAME` of a golden file with what the operation of that name makes of the
/// `in.NAME` operands; a name that only one side knows is a failure.
func expectFamily(
  _ file: String, _ tolerance: Tolerance, _ operations: [String: (Operands) -> Tensor],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let golden = Golden(file)
  let operands = Operands(tensors: try golden.tensors("in"))
  let expected = try golden.tensors("out")
  #expect(
    Set(expected.keys) == Set(operations.keys), "operations without a pair",
    sourceLocation: sourceLocation)
  for (name, operation) in operations.sorted(by: { $0.key < $1.key }) {
    guard let wanted = expected[name] else { continue }
    let found = operation(operands)
    #expect(found.dtype == wanted.dtype, "\(name)", sourceLocation: sourceLocation)
    expectClose(found, wanted, tolerance, name, sourceLocation: sourceLocation)
  }
}
