import CTorch

extension Tensor {
  /// Returns the matrix product; leading axes are batches and are broadcast.
  ///
  /// Shapes: `[..., n, k]` by `[..., k, m]` -> `[..., n, m]`.
  public func matmul(_ other: Tensor) -> Tensor {
    let product = Tensor.binary("matmul", self, other, ct_matmul)
    OperationCounter.add(2 * Double(product.count) * Double(dim(-1)))
    return product
  }

  /// Returns the inner product of two vectors.
  public func dot(_ other: Tensor) -> Tensor { .binary("dot", self, other, ct_dot) }

  /// Returns a sum of products in Einstein's notation, as `"bij,bjk->bik"`.
  public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
    Tensor("einsum", operands) { out in
      withHandles(operands) { ct_einsum(equation, $0, operands.count, out) }
    }
  }

  /// Returns the ascending eigenvalues, and the eigenvectors as columns, of a symmetric matrix.
  /// PyTorch `eigh`.
  public func symmetricEigen() -> (values: Tensor, vectors: Tensor) {
    Tensor.pair("linalg_eigh", self, ct_eigh)
  }

  /// Returns the reduced singular value decomposition `u * diag(s) * vh`. PyTorch `svd`.
  public func singularValues() -> (u: Tensor, s: Tensor, vh: Tensor) {
    withExtendedLifetime(self) {
      var u: OpaquePointer?
      var s: OpaquePointer?
      var vh: OpaquePointer?
      guard ct_svd(handle.raw, &u, &s, &vh) == 0, let u, let s, let vh else {
        Tensor.fail("linalg_svd", [self])
      }
      return (Tensor(owning: u), Tensor(owning: s), Tensor(owning: vh))
    }
  }

  /// Returns the distance between each two rows; order 2 is Euclidean. PyTorch `cdist`.
  ///
  /// Shapes: `[n, d]` and `[m, d]` -> `[n, m]`.
  public func distances(to other: Tensor, order: Double = 2) -> Tensor {
    .binary("cdist", self, other) { ct_cdist($0, $1, order, $2) }
  }
}
