import CTorch

/// Layers as functions, without state.
public enum F {
  /// Computes `x * weightᵀ + bias`.
  ///
  /// Shapes: x `[..., in]`, weight `[out, in]`, bias `[out]` -> `[..., out]`.
  public static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    OperationCounter.add(2 * Double(x.count) * Double(weight.dim(0)))
    return .ternary("linear", x, weight, bias, ct_linear)
  }

  /// Two-dimensional convolution with one stride in both directions.
  ///
  /// Shapes: x `[B, C, H, W]`, weight `[out, C / groups, kh, kw]`, bias `[out]` ->
  /// `[B, out, H', W']`.
  public static func conv2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Int = 0,
    dilation: Int = 1, groups: Int = 1
  ) -> Tensor {
    conv2d(
      x, weight, bias, stride: (stride, stride), padding: (padding, padding),
      dilation: (dilation, dilation), groups: groups)
  }

  /// Two-dimensional convolution with strides (vertical, horizontal).
  ///
  /// Shapes: x `[B, C, H, W]`, weight `[out, C / groups, kh, kw]`, bias `[out]` ->
  /// `[B, out, H', W']`.
  public static func conv2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: (Int, Int),
    padding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1), groups: Int = 1
  ) -> Tensor {
    let y = Tensor.ternary("conv2d", x, weight, bias) {
      ct_conv2d(
        $0, $1, $2, [stride.0, stride.1], [padding.0, padding.1], [dilation.0, dilation.1],
        groups, $3)
    }
    OperationCounter.add(2 * Double(y.count) * Double(weight.count / weight.dim(0)))
    return y
  }

  /// Applies the transpose of a convolution.
  ///
  /// Shapes: x `[B, C, H, W]`, weight `[C, out / groups, kh, kw]`, bias `[out]` ->
  /// `[B, out, H', W']`.
  public static func convTranspose2d(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Int = 0,
    outputPadding: Int = 0, dilation: Int = 1, groups: Int = 1
  ) -> Tensor {
    .ternary("conv_transpose2d", x, weight, bias) {
      ct_conv_transpose2d(
        $0, $1, $2, [stride, stride], [padding, padding], [outputPadding, outputPadding],
        [dilation, dilation], groups, $3)
    }
  }

  /// Group normalisation, with an optional shift before and modulation and SiLU after.
  ///
  /// Shapes: x `[B, C, ...]`, weight and bias `[C]`; beside an x of four axes, offset `[B, C]` and
  /// modulation `[B, 2C]`.
  ///
  /// On the CPU all of it is one pass when no gradient is needed and x is channels-last.
  ///
  /// Source: Wu and He, Group Normalization; Dhariwal and Nichol 2021, section 3.1 (AdaGN).
  ///
  /// - Parameters:
  ///   - x: The input.
  ///   - groups: The number of groups of channels.
  ///   - weight: Scales each channel.
  ///   - bias: Shifts each channel.
  ///   - offset: Added to x before.
  ///   - modulation: Scales, then shifts: the norm is multiplied by one plus the scale.
  ///   - epsilon: Added to the variance.
  ///   - silu: Whether the result goes through SiLU, `x σ(x)`.
  public static func groupNorm(
    _ x: Tensor, groups: Int, _ weight: Tensor? = nil, _ bias: Tensor? = nil,
    offset: Tensor? = nil, modulation: Tensor? = nil, epsilon: Double = 1e-5, silu: Bool = false
  ) -> Tensor {
    withExtendedLifetime((weight, bias, offset, modulation)) {
      .unary("group_norm", x) {
        ct_group_norm(
          $0, groups, weight?.handle.raw, bias?.handle.raw, offset?.handle.raw,
          modulation?.handle.raw, epsilon, silu, $1)
      }
    }
  }

  /// Normalises over the last axes.
  ///
  /// Shapes: x `[..., normalizedShape]`, weight and bias `normalizedShape`.
  /// Source: Ba, Kiros and Hinton, Layer Normalization.
  public static func layerNorm(
    _ x: Tensor, normalizedShape: [Int], _ weight: Tensor? = nil, _ bias: Tensor? = nil,
    epsilon: Double = 1e-5
  ) -> Tensor {
    withExtendedLifetime((weight, bias)) {
      .unary("layer_norm", x) {
        ct_layer_norm(
          $0, normalizedShape, normalizedShape.count, weight?.handle.raw, bias?.handle.raw,
          epsilon, $1)
      }
    }
  }

  /// Normalises each channel over the batch; training updates the running statistics in place.
  ///
  /// Shapes: x `[B, C, ...]`, the others `[C]`.
  /// Source: Ioffe and Szegedy, Batch Normalization.
  public static func batchNorm(
    _ x: Tensor, runningMean: Tensor?, runningVariance: Tensor?, _ weight: Tensor? = nil,
    _ bias: Tensor? = nil, training: Bool, momentum: Double = 0.1, epsilon: Double = 1e-5
  ) -> Tensor {
    withExtendedLifetime((runningMean, runningVariance, weight, bias)) {
      .unary("batch_norm", x) {
        ct_batch_norm(
          $0, weight?.handle.raw, bias?.handle.raw, runningMean?.handle.raw,
          runningVariance?.handle.raw, training, momentum, epsilon, $1)
      }
    }
  }

  /// A stack of LSTM layers over sequences.
  ///
  /// Shapes: x `[B, T, in]`, h and c `[layers, B, H]`, four parameters per layer, `[4H, in]`,
  /// `[4H, H]`, `[4H]`, `[4H]` with the gates in the order input, forget, cell, output ->
  /// output `[B, T, H]` and the last h and c.
  /// Source: Hochreiter and Schmidhuber 1997; PyTorch `nn.LSTM`.
  public static func lstm(
    _ x: Tensor, state: (h: Tensor, c: Tensor), parameters: [Tensor], layers: Int
  ) -> (output: Tensor, state: (h: Tensor, c: Tensor)) {
    withExtendedLifetime((x, state, parameters)) {
      var raws = [OpaquePointer?](repeating: nil, count: 3)
      let status = Tensor.withHandles(parameters) { list in
        ct_lstm(
          x.handle.raw, state.h.handle.raw, state.c.handle.raw, list, parameters.count, layers,
          isGradEnabled, &raws)
      }
      Tensor.check("lstm", [x, state.h, state.c] + parameters, status)
      let results = raws.compactMap { $0 }.map(Tensor.init(owning:))
      precondition(results.count == 3, "an LSTM gives three tensors")
      return (results[0], (results[1], results[2]))
    }
  }

  /// The rows of a table at the ids.
  ///
  /// Shapes: weight `[count, width]`, ids `[...]` int64 -> `[..., width]`.
  public static func embedding(_ weight: Tensor, _ ids: Tensor) -> Tensor {
    .binary("embedding", weight, ids, ct_embedding)
  }

  /// Computes softmax(q kᵀ * scale + mask) v; the scale is 1/sqrt(E) unless given.
  ///
  /// Shapes: q `[..., L, E]`, k `[..., S, E]`, v `[..., S, Ev]`, mask broadcast to `[..., L, S]`
  /// -> `[..., L, Ev]`. A bool mask keeps where it is true; another is added and must have the
  /// dtype of q.
  /// Source: Vaswani et al., Attention Is All You Need, 3.2.1.
  public static func scaledDotProductAttention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor? = nil, isCausal: Bool = false,
    dropout: Double = 0, scale: Double? = nil
  ) -> Tensor {
    let queries = Double(q.count / q.dim(-1))
    OperationCounter.add(2 * queries * Double(k.dim(-2)) * Double(q.dim(-1) + v.dim(-1)))
    return withExtendedLifetime((q, k, v, mask)) {
      Tensor("scaled_dot_product_attention", [q, k, v] + (mask.map { [$0] } ?? [])) { out in
        Tensor.withOptional(scale) {
          ct_attention(
            q.handle.raw, k.handle.raw, v.handle.raw, mask?.handle.raw, dropout, isCausal, $0, out
          )
        }
      }
    }
  }

  /// Sets elements to zero with probability `p` and divides the others by `1 - p`; the identity
  /// unless training.
  ///
  /// With a source the mask is sampled from it and reproducible; without one it comes from
  /// LibTorch's own generator.
  public static func dropout(
    _ x: Tensor, _ p: Double, training: Bool, using random: RandomSource? = nil
  ) -> Tensor {
    guard training, p > 0 else { return x }
    guard let random else { return .unary("dropout", x) { ct_dropout($0, p, $1) } }
    let kept = random.bernoulli(1 - p, x.shape, dtype: x.dtype, device: x.device)
    return x * (p < 1 ? kept * (1 / (1 - p)) : kept)
  }
}
