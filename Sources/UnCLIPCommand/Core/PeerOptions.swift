/// What options of other programs (diffusers, A1111, stable-diffusion.cpp, InvokeAI) are called
/// here, where the meaning is near but not the same.
struct PeerOptions {
  /// Their spellings, with hyphens for underscores.
  let names: Set<String>
  /// Options of ours; a command that has none of them gives no hint.
  var here: [String] = []
  /// How things are done here.
  let note: String
  /// The only command that gives the hint; all if nil.
  var command: String?

  static let all: [PeerOptions] = [
    PeerOptions(
      names: [
        "--steps", "--num-inference-steps", "--inference-steps", "--sampling-steps", "--ddim-steps",
      ],
      here: ["--prior-steps", "--decoder-steps", "--upsampler-steps"],
      note: "each stage has its own number of steps"),
    PeerOptions(
      names: ["--cfg", "--cfg-scale", "--guidance", "--guidance-scale", "-C"],
      here: ["--prior-guidance", "--decoder-guidance"],
      note: "each stage has its own guidance scale"),
    PeerOptions(
      names: ["--width", "--height", "-W", "-H", "--resolution", "--image-size"], here: ["--size"],
      note: "images are square, and one side is given"),
    PeerOptions(
      names: [
        "--sampling-method", "--sampler-name", "--scheduler", "--scheduler-type", "-A",
      ], here: ["--sampler"], note: "the sampler has another name here"),
    PeerOptions(
      names: ["--prompt", "-p"],
      note: "the prompt stands alone, as in unclip generate \"a red apple\"",
      command: "generate"),
    PeerOptions(
      names: ["--init-img", "--init-image", "-i"], here: ["--image"],
      note: "the image to start from has another name here", command: "generate"),
    PeerOptions(
      names: ["--mask", "--mask-image", "--outpaint"],
      note: "a part of an image is generated anew by unclip inpaint, more of it by unclip outpaint",
      command: "generate"),
    PeerOptions(
      names: ["--mask-image", "--init-mask", "--mask-img"], here: ["--mask"],
      note: "the mask has another name here"),
    PeerOptions(
      names: ["--denoising-strength", "--image-strength"], here: ["--strength"],
      note: "the strength has another name here"),
    PeerOptions(
      names: ["--strength", "--init-img", "--init-image", "--image", "-i", "-r"],
      here: ["--noise", "--eta"],
      note: "the image stands alone, and how far variations go from it is set by inverted noise",
      command: "vary"),
    PeerOptions(
      names: [
        "--batch-size", "--batch-count", "-b", "--iterations", "--n-iter", "--n-samples",
        "--num-images-per-prompt",
      ], here: ["--count", "--batch"], note: "the number has another name here"),
    PeerOptions(
      names: ["--outdir", "--output-dir", "--output-path"], here: ["--out"],
      note: "files and folders are named by one option"),
    PeerOptions(
      names: ["--ckpt", "--checkpoint", "--model-path", "--diffusion-model"], here: ["--model"],
      note: "a model is a folder"),
    PeerOptions(
      names: ["--fp16", "--half", "--precision", "--torch-dtype", "--type"], here: ["--dtype"],
      note: "the element type is chosen by name"),
    PeerOptions(
      names: ["--gpu", "--cuda"], here: ["--device"], note: "the device is chosen by name"),
    PeerOptions(
      names: ["--lowvram", "--medvram", "--cpu-offload", "--offload-to-cpu"],
      here: ["--low-memory"], note: "one network at a time is another option"),
    PeerOptions(
      names: ["--overwrite", "--yes", "-y", "-f"], here: ["--force"],
      note: "files are replaced by another option"),
    PeerOptions(
      names: ["--quiet", "--silent", "-q"],
      note: "progress goes to standard error, and 2>/dev/null hides it"),
  ]

  /// The hint for an option that a command, with `options`, does not know.
  static func hint(for name: String, command: String, options: Set<String>) -> String? {
    let name = name.hasPrefix("--") ? "--" + name.dropFirst(2).replacing("_", with: "-") : name
    for entry in all where entry.names.contains(name) {
      if let only = entry.command, only != command { continue }
      let here = entry.here.filter(options.contains)
      if here.isEmpty != entry.here.isEmpty { continue }
      guard let last = here.last else { return entry.note }
      let list = here.count == 1 ? last : here.dropLast().joined(separator: ", ") + " and " + last
      return "\(entry.note): \(list)"
    }
    return nil
  }
}
