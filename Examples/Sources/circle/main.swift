// swift run circle
//
// A diffusion model from nothing: a network that learns points on a circle, and a sampler that makes new
// ones out of noise. It runs for some seconds.
import Diffusion
import Foundation
import Torch
import TorchNN

/// Predicts the clean point from a noisy one: `[B, 2]` and timesteps `[B]` to `[B, 2]`.
final class Network: Module {
  let time: Linear
  let layers: [Linear]

  init(width: Int, using random: RandomSource) {
    time = Linear(32, width, using: random)
    layers = [
      Linear(2, width, using: random), Linear(width, width, using: random),
      Linear(width, 2, using: random),
    ]
  }

  func callAsFunction(_ x: Tensor, at timesteps: [Int]) -> Tensor {
    let t = time(timestepSinusoid(Tensor(timesteps), width: 32))
    let hidden = (layers[0](x) + t).silu()
    return layers[2](layers[1](hidden).silu())
  }
}

let random = RandomSource(seed: 0)
let process = GaussianDiffusion(schedule: NoiseSchedule(.cosine), prediction: .start)
let network = Network(width: 128, using: random)
let optimizer = Adam(network, learningRate: 1e-3)

for step in 1...1500 {
  let angle = random.uniform([256, 1], in: 0..<(2 * .pi))
  let points = Tensor.concatenated([angle.cos(), angle.sin()], over: 1)
  let timesteps = random.integers(in: 0..<1000, [256]).array(of: Int64.self).map(Int.init)
  let noise = random.normal([256, 2])
  let noisy = process.noised(points, at: timesteps, noise: noise)
  let loss = F.mseLoss(network(noisy, at: timesteps), points)
  optimizer.zeroGradients()
  loss.backward()
  optimizer.step()
  if step % 500 == 0 { print("step \(step), loss \(loss.item())") }
}

var samples = random.normal([1000, 2])
let sampler = try DDIMSampler(process, spacing: .trailing(50), threshold: .range(1))
noGrad {
  let steps = denoise(samples, with: sampler, using: random) { sample, timestep in
    network(sample, at: Array(repeating: timestep, count: 1000))
  }
  for step in steps { samples = step.next }
}
let radii = samples.norm(over: 1).array(of: Float.self).sorted()
print(
  "radii of 1000 samples: 5 % below \(radii[50]), median \(radii[500]), 5 % above \(radii[950])")
