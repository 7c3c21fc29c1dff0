/// Half a unit of the fixed-point result, so that the final shift rounds.
private let half: Int32 = 1 << (ResampleTable.precision - 1)

/// Converts a weighted sum to a sample, clamped to 0 ... 255.
@inline(__always)
private func sample(_ sum: Int32) -> UInt8 {
  UInt8(truncatingIfNeeded: min(max(sum >> ResampleTable.precision, 0), 255))
}

/// Changes the width: every row of `width` pixels becomes one of `table.spans.count`.
func resampleRows(
  _ source: UnsafeBufferPointer<UInt8>, width: Int, channels: Int, by table: ResampleTable,
  to out: UnsafeMutableBufferPointer<UInt8>
) {
  guard var row = source.baseAddress, var result = out.baseAddress else { return }
  let newWidth = table.spans.count
  let height = source.count / (width * channels)
  table.weights.withUnsafeBufferPointer { weights in
    guard let weights = weights.baseAddress else { return }
    table.spans.withUnsafeBufferPointer { spans in
      for _ in 0..<height {
        switch channels {
        case 1: resampleRow1(row, weights, table.stride, spans, result)
        case 2: resampleRow2(row, weights, table.stride, spans, result)
        case 3: resampleRow3(row, weights, table.stride, spans, result)
        default: resampleRow4(row, weights, table.stride, spans, result)
        }
        row += width * channels
        result += newWidth * channels
      }
    }
  }
}

private typealias Spans = UnsafeBufferPointer<ResampleTable.Span>

private func resampleRow1(
  _ row: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ stride: Int, _ spans: Spans,
  _ out: UnsafeMutablePointer<UInt8>
) {
  for x in 0..<spans.count {
    let pixel = row + spans[x].start
    let weight = weights + x * stride
    var sum = half
    for i in 0..<spans[x].count { sum &+= Int32(pixel[i]) &* weight[i] }
    out[x] = sample(sum)
  }
}

private func resampleRow2(
  _ row: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ stride: Int, _ spans: Spans,
  _ out: UnsafeMutablePointer<UInt8>
) {
  for x in 0..<spans.count {
    let pixel = row + spans[x].start * 2
    let weight = weights + x * stride
    var (a, b) = (half, half)
    for i in 0..<spans[x].count {
      a &+= Int32(pixel[i * 2]) &* weight[i]
      b &+= Int32(pixel[i * 2 + 1]) &* weight[i]
    }
    out[x * 2] = sample(a)
    out[x * 2 + 1] = sample(b)
  }
}

private func resampleRow3(
  _ row: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ stride: Int, _ spans: Spans,
  _ out: UnsafeMutablePointer<UInt8>
) {
  for x in 0..<spans.count {
    let pixel = row + spans[x].start * 3
    let weight = weights + x * stride
    var (a, b, c) = (half, half, half)
    for i in 0..<spans[x].count {
      a &+= Int32(pixel[i * 3]) &* weight[i]
      b &+= Int32(pixel[i * 3 + 1]) &* weight[i]
      c &+= Int32(pixel[i * 3 + 2]) &* weight[i]
    }
    out[x * 3] = sample(a)
    out[x * 3 + 1] = sample(b)
    out[x * 3 + 2] = sample(c)
  }
}

private func resampleRow4(
  _ row: UnsafePointer<UInt8>, _ weights: UnsafePointer<Int32>, _ stride: Int, _ spans: Spans,
  _ out: UnsafeMutablePointer<UInt8>
) {
  for x in 0..<spans.count {
    let pixel = row + spans[x].start * 4
    let weight = weights + x * stride
    var (a, b, c, d) = (half, half, half, half)
    for i in 0..<spans[x].count {
      a &+= Int32(pixel[i * 4]) &* weight[i]
      b &+= Int32(pixel[i * 4 + 1]) &* weight[i]
      c &+= Int32(pixel[i * 4 + 2]) &* weight[i]
      d &+= Int32(pixel[i * 4 + 3]) &* weight[i]
    }
    out[x * 4] = sample(a)
    out[x * 4 + 1] = sample(b)
    out[x * 4 + 2] = sample(c)
    out[x * 4 + 3] = sample(d)
  }
}

/// Changes the height: rows of `row` bytes are summed with the weights of `table`.
///
/// A block of columns is summed over all its rows before the next, so the sums stay in registers.
func resampleColumns(
  _ source: UnsafeBufferPointer<UInt8>, row: Int, by table: ResampleTable,
  to out: UnsafeMutableBufferPointer<UInt8>
) {
  guard let source = source.baseAddress, let out = out.baseAddress else { return }
  let block = 16
  table.weights.withUnsafeBufferPointer { weights in
    guard let weights = weights.baseAddress else { return }
    for (y, span) in table.spans.enumerated() {
      let weight = weights + y * table.stride
      let top = source + span.start * row
      let result = out + y * row
      var x = 0
      while x + block <= row {
        var sums = SIMD16<Int32>(repeating: half)
        for i in 0..<span.count {
          let bytes = UnsafeRawPointer(top + i * row + x).loadUnaligned(as: SIMD16<UInt8>.self)
          sums &+= SIMD16<Int32>(truncatingIfNeeded: bytes) &* weight[i]
        }
        sums &>>= ResampleTable.precision
        sums.clamp(lowerBound: SIMD16(repeating: 0), upperBound: SIMD16(repeating: 255))
        UnsafeMutableRawPointer(result + x).storeBytes(
          of: SIMD16<UInt8>(truncatingIfNeeded: sums), as: SIMD16<UInt8>.self)
        x += block
      }
      while x < row {
        var sum = half
        for i in 0..<span.count { sum &+= Int32(top[i * row + x]) &* weight[i] }
        result[x] = sample(sum)
        x += 1
      }
    }
  }
}
