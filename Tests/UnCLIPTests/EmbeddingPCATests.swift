import CLIP
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import UnCLIP

@Suite struct EmbeddingPCATests {
  private let golden = Golden("pca/pca")

  private func fitted(
    _ rows: Tensor, batch: Int = 7, components: Int? = nil
  ) throws -> EmbeddingPCA {
    var fit = EmbeddingPCA.Fit()
    for part in rows.split(size: batch, over: 0) { try fit.add(part) }
    #expect(fit.sampleCount == rows.dim(0))
    return try fit.pca(components: components)
  }

  @Test(arguments: ["many", "few"]) func equalsTheSVD(_ name: String) throws {
    let rows = try golden.tensor("\(name).x")
    for batch in [1, 7, 64] {
      let pca = try fitted(rows, batch: batch)
      expectClose(pca.mean.to(.float64), try golden.tensor("\(name).mean"))
      let components = try golden.tensor("\(name).components")
      // eigh squares the condition of the smallest components.
      expectClose(pca.components.to(.float64), components, Tolerance(2e-5))
      expectClose(
        pca.variances.to(.float64), try golden.tensor("\(name).variances"), .products)
      let other = try golden.tensor("\(name).other")
      expectClose(
        try pca.reconstruction(of: other, components: 2).to(.float64),
        try golden.tensor("\(name).of_two"), Tolerance(2e-5))
    }
  }

  @Test func componentsAreOrthonormalAndAllOfThemGiveAllBack() throws {
    let random = RandomSource(seed: 1)
    let rows = random.normal([50, 12]) * 3 + random.normal([1, 12]) * 9
    let pca = try fitted(rows)
    #expect(pca.count == 12 && pca.width == 12)
    expectClose(pca.components.matmul(pca.components.transposed()), .eye(12), .products)
    let other = random.normal([4, 12])
    expectClose(try pca.reconstruction(of: other, components: 12), other, .products)
    expectClose(
      try pca.reconstruction(of: other, components: 0), pca.mean.unsqueezed(0).expanded(4, 12))
    #expect(try pca.explainedVariance(components: 0) == 0)
    #expect(abs(try pca.explainedVariance(components: 12) - 1) < 1e-6)
    // Each further component brings every embedding nearer.
    var last = Double.infinity
    for count in 0...12 {
      let part = try pca.reconstruction(of: rows, components: count)
      let error: Double = (part - rows).square().sum().item()
      #expect(error < last)
      last = error
    }
  }

  @Test func fewerEmbeddingsThanDimensions() throws {
    let rows = RandomSource(seed: 2).normal([5, 12])
    let pca = try fitted(rows)
    #expect(pca.count == 4)
    expectClose(try pca.reconstruction(of: rows, components: 4), rows, .products)
    #expect(try fitted(rows, components: 2).count == 2)
    let all = pca.totalVariance
    #expect(abs(try fitted(rows, components: 2).totalVariance - all) < 1e-9 * all)
  }

  @Test func refusals() throws {
    let rows = RandomSource(seed: 3).normal([6, 4])
    let pca = try fitted(rows)
    for count in [5, -1] {
      let error = try #require(throws: EmbeddingPCAError.self) {
        _ = try pca.reconstruction(of: rows, components: count)
      }
      #expect(error == .tooMany(count, possible: 4))
    }
    #expect(
      EmbeddingPCAError.tooMany(5, possible: 4).description
        == "5 components are asked for, but the PCA has 0 to 4; ask for fewer, or fit it to more "
        + "images.")
    #expect(throws: EmbeddingPCAError.tooFew(1)) {
      _ = try fitted(rows.narrowed(0, start: 0, count: 1))
    }
    #expect(EmbeddingPCAError.tooFew(1).description.contains("there is 1;"))
    #expect(throws: EmbeddingPCAError.tooFew(0)) { _ = try EmbeddingPCA.Fit().pca() }
    var fit = EmbeddingPCA.Fit()
    #expect(throws: EmbeddingPCAError.notFinite) { try fit.add(rows / 0) }
    #expect(fit.sampleCount == 0)
  }

  @Test func files() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "pca.safetensors")
      let random = RandomSource(seed: 4)
      let pca = try fitted(random.normal([30, 8]))
      try pca.write(to: file)
      let read = try EmbeddingPCA(contentsOf: file)
      expectClose(read.components, pca.components, .exact)
      expectClose(read.mean, pca.mean, .exact)
      expectClose(read.variances, pca.variances, .exact)
      #expect(abs(read.totalVariance - pca.totalVariance) < 1e-6)
      try pca.write(to: file, dtype: .float16)
      expectClose(try EmbeddingPCA(contentsOf: file).components, pca.components, Tolerance(1e-3))

      let good = try Safetensors.read(file).tensors.mapValues { $0.to(.float32) }
      let faults: [(String, Tensor?, String)] = [
        ("mean", nil, "1 missing (mean)"), ("variances", .zeros([3]), "with [3] where [8]"),
        ("components", random.normal([8, 8]), "where orthonormal rows is needed"),
        ("components", .eye(9), "where [1 to 8, 8] is needed"),
        ("mean", Tensor.zeros([8]) / 0, "finite"),
        ("total_variance", .zeros([2]), "one number"),
        ("mean", Tensor.zeros([8], dtype: .int64), "a floating-point type"),
      ]
      for (key, tensor, sentence) in faults {
        var tensors = good
        tensors[key] = tensor
        try Safetensors.write(tensors, to: file)
        let error = try #require(throws: CheckpointError.self) {
          _ = try EmbeddingPCA(contentsOf: file)
        }
        #expect(error.description.contains(sentence), "\(error)")
      }
    }
  }

  @Test func aModelFolderHasItsOwn() throws {
    try withTemporaryFolder(copying: Golden.url("pipeline/model")) { url in
      let folder = ModelFolder(url)
      let missing = try #require(throws: ModelFolderError.self) { _ = try folder.loadPCA() }
      #expect(missing == .noComponents(folder: url.path))
      #expect(missing.description.contains("fit them with 'unclip pca --data DATA --model"))
      let file = url.appending(path: ModelFolder.pcaName)
      try fitted(RandomSource(seed: 5).normal([9, 3])).write(to: file)
      let other = try #require(throws: ModelFolderError.self) { _ = try folder.loadPCA() }
      #expect(other.description.contains("'mean' of pca.safetensors is 3 values"))
      let width = try UnCLIPPipeline(folder).imageEncoder.loaded().width
      try fitted(RandomSource(seed: 5).normal([9, width])).write(to: file)
      #expect(try folder.loadPCA().count == 8)

      let copy = ModelFolder(url.deletingLastPathComponent().appending(path: "copy"))
      try copy.assemble(
        from: [folder], dtype: .float32,
        defaults: ModelDefaults(name: "copy", version: "1", sampling: SamplingSettings()))
      #expect(try copy.loadPCA().count == 8, "assembling keeps it")
    }
  }

  @Test func reconstructionsShareTheirNoise() throws {
    let pipeline = try UnCLIPPipeline(ModelFolder(Golden.url("pipeline/model")))
    let width = try pipeline.imageEncoder.loaded().width
    let pca = try fitted(RandomSource(seed: 6).normal([3 * width, width]))
    var request = ImageRequest(prompt: "", seed: 5, size: pipeline.decoderSize)
    var sampling = pipeline.defaults.sampling
    sampling.decoderSteps = 2
    request.sampling = sampling
    let settings = try pipeline.settings(for: request)
    let original = Image(width: 20, height: 20, color: [200, 30, 90])
    var steps: [Int] = []
    let images = try pipeline.reconstructions(
      of: original, components: [0, 2, width], pca: pca, settings: settings
    ) { steps.append($0.index) }
    #expect(steps == [0, 0, 1, 1, 2, 2])
    #expect(images.count == 3)
    // With all components it is the variation that the same seed gives, but for rounding.
    let variation = try pipeline.image(settings, varying: original)
    let worst = zip(images[2].pixels, variation.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 255
    #expect(worst <= 1)
    #expect(images[0] != images[2])
    #expect(throws: EmbeddingPCAError.tooMany(width + 1, possible: width)) {
      _ = try pipeline.reconstructions(
        of: original, components: [0, width + 1], pca: pca, settings: settings)
    }
  }
}
