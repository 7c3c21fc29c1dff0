import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

/// What other programs write into images, and the command line made of it.
@Suite struct StatedSettingsTests {
  static let webUI = """
    a (red:1.2) apple, <lora:ink_v2:0.8>, (shiny), on \\(white\\) wood
    BREAK still life
    Negative prompt: blurry, [dark]
    low quality
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 3894562, \
    Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, \
    Lora hashes: "ink_v2: 1234, other: \\"5\\"", Version: v1.10.1
    """

  @Test func webUIParameters() throws {
    let settings = try #require(StatedSettings(["parameters": Self.webUI]))
    #expect(settings.program.hasPrefix("AUTOMATIC1111"))
    #expect(
      settings.prompt
        == "a (red:1.2) apple, <lora:ink_v2:0.8>, (shiny), on \\(white\\) wood\nBREAK still life")
    #expect(settings.negative == "blurry, [dark]\nlow quality")
    #expect(settings.steps == 20 && settings.guidance == 7.5 && settings.seed == 3_894_562)
    #expect(settings.width == 512 && settings.height == 768)
    #expect(settings.sampler == "DPM++ 2M" && settings.model == "v1-5-pruned")
    #expect(
      settings.others == [
        "Schedule type": "Karras", "Model hash": "6ce0161689", "Version": "v1.10.1",
        "Lora hashes": "ink_v2: 1234, other: \"5\"",
      ])
    #expect(StatedSettings(["UserComment": Self.webUI]) == settings, "of a JPEG file")

    let line = try #require(GenerateLine(settings))
    #expect(
      line.text
        == "unclip generate 'a red apple, shiny, on (white) wood still life' --seed 3894562 "
        + "--negative 'blurry, dark low quality' --decoder-steps 20 --decoder-guidance 7.5 "
        + "--sampler dpm++")
    #expect(line.notes.count == 3)
  }

  @Test func webUIWithoutNegativeOrSettings() throws {
    let short = "a cat\nSteps: 5, Sampler: Euler, CFG scale: 1"
    let settings = try #require(StatedSettings(["parameters": short]))
    #expect(settings.prompt == "a cat" && settings.negative == nil && settings.seed == nil)
    let line = try #require(GenerateLine(settings))
    #expect(line.text == "unclip generate 'a cat' --decoder-steps 5 --decoder-guidance 1")
    #expect(
      line.notes == ["The sampler Euler is not one of those here; the model's own is taken."])
    for text in ["", "a cat", "a cat, Steps: 5", "a: b, c: d"] {
      #expect(StatedSettings(["parameters": text]) == nil)
    }
    // Quotes that end in the next value, and the last nowhere.
    let odd = "x\n" + (0..<20_001).map { "Key \($0): \"a" }.joined(separator: ", ")
    let others = try #require(StatedSettings(["parameters": odd])).others
    #expect(others.count == 10_001 && others["Key 0"] == "a, Key 1: ")
    #expect(others["Key 20000"] == "\"a")
  }

  @Test func comfyUIGraph() throws {
    let graph = """
      {"3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551, "steps": 25,
        "cfg": 6.0, "sampler_name": "euler_ancestral", "scheduler": "normal", "denoise": 1,
        "model": ["10", 0], "positive": ["12", 0], "negative": ["7", 0],
        "latent_image": ["5", 0]}},
       "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
       "10": {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "lora_name": "x"}},
       "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 640,
         "batch_size": 1}, "is_changed": [NaN]},
       "12": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0]}},
       "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["8", 0], "clip": ["4", 1]}},
       "8": {"class_type": "PrimitiveString", "inputs": {"value": "a red panda"}},
       "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
       "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}}}
      """
    let settings = try #require(StatedSettings(["prompt": graph, "workflow": "{}"]))
    #expect(settings.program == "ComfyUI")
    #expect(settings.prompt == "a red panda" && settings.negative == "bad")
    #expect(settings.seed == 18_446_744_073_709_551 && settings.steps == 25)
    #expect(settings.guidance == 6 && settings.sampler == "euler_ancestral")
    #expect(settings.width == 512 && settings.height == 640)
    #expect(settings.model == "sd15.safetensors")
    #expect(settings.others["scheduler"] == "normal")
    #expect(StatedSettings(["Model": "prompt:" + graph]) == settings, "of a WebP file")
    #expect(GenerateLine(settings)?.text.contains("--sampler ddpm") == true)
  }

  @Test func comfyUIWithNodesOfOnePurposeEach() throws {
    let graph = """
      {"1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0],
        "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0], "latent_image": ["9", 0]}},
       "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 42}},
       "3": {"class_type": "CFGGuider", "inputs": {"cfg": 3.5, "positive": ["6", 0],
        "negative": ["7", 0], "model": ["8", 0]}},
       "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"}},
       "5": {"class_type": "BasicScheduler", "inputs": {"steps": 12, "scheduler": "simple"}},
       "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
       "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
       "8": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux"}},
       "9": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}}}
      """
    let settings = try #require(StatedSettings(["prompt": graph]))
    #expect(settings.prompt == "a fox" && settings.negative == "" && settings.seed == 42)
    #expect(settings.steps == 12 && settings.guidance == 3.5 && settings.model == "flux")
    #expect(settings.sampler == "dpmpp_2m" && settings.width == 64)
  }

  @Test func comfyUIGraphsThatLeadNowhere() {
    let loop = """
      {"1": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["2", 0]}},
       "2": {"class_type": "A", "inputs": {"x": ["3", 0], "y": ["2", 0]}},
       "3": {"class_type": "B", "inputs": {"x": ["2", 0], "z": ["99", 0]}}}
      """
    #expect(StatedSettings(["prompt": loop])?.prompt == nil)
    #expect(StatedSettings(["prompt": loop])?.seed == 1)
    for text in ["{}", "{\"1\": 2}", "a prompt of some program", "{\"1\": ", "[]", "{\"1\": {}}"] {
      #expect(StatedSettings(["prompt": text]) == nil)
    }
    let deep = String(repeating: "{\"a\":", count: 100_000)
    #expect(StatedSettings(["prompt": deep]) == nil)
  }

  @Test func invokeAI() throws {
    let new = """
      {"app_version": "5.6.0", "generation_mode": "sdxl_txt2img", "positive_prompt": "a boat",
       "negative_prompt": "sea", "width": 1024, "height": 1024, "seed": 99, "cfg_scale": 5.5,
       "steps": 30, "scheduler": "ddim", "model": {"key": "k", "name": "Juggernaut", "base": "sdxl"},
       "vae": null}
      """
    let settings = try #require(StatedSettings(["invokeai_metadata": new]))
    #expect(settings.program == "InvokeAI 5.6.0" && settings.prompt == "a boat")
    #expect(settings.negative == "sea" && settings.seed == 99 && settings.guidance == 5.5)
    #expect(settings.sampler == "ddim" && settings.model == "Juggernaut")
    #expect(settings.others == ["generation_mode": "sdxl_txt2img"])
    let old = """
      {"model": "stable diffusion", "model_weights": "sd-v1-5", "app_id": "invoke-ai/InvokeAI",
       "app_version": "2.2.4", "image": {"prompt": [{"prompt": "a cat [a dog] asleep [wet]",
       "weight": 1.0}], "steps": 50, "cfg_scale": 7.5, "seed": 3, "width": 512, "height": 512,
       "sampler": "k_lms", "type": "txt2img"}}
      """
    let older = try #require(StatedSettings(["sd-metadata": old, "Dream": "\"x\" -s 1"]))
    #expect(older.prompt == "a cat  asleep" && older.negative == "a dog, wet")
    #expect(older.model == "sd-v1-5" && older.sampler == "k_lms" && older.steps == 50)
  }

  @Test func invokeAICommandLine() throws {
    let line = "\"a \"quoted\" cat [dog]\" -s 50 -S 123 -W 512 -H 640 -C7.5 --seamless -A k_euler_a"
    let settings = try #require(StatedSettings(["Dream": line]))
    #expect(settings.prompt == "a \"quoted\" cat" && settings.negative == "dog")
    #expect(settings.steps == 50 && settings.seed == 123 && settings.guidance == 7.5)
    #expect(settings.width == 512 && settings.height == 640 && settings.sampler == "k_euler_a")
    for text in ["", "\"", "a cat -s 1", "\"\"x"] { _ = StatedSettings(["Dream": text]) }
  }

  @Test func objectsThatNameEverything() throws {
    let novel = """
      {"prompt": "a hat", "steps": 28, "height": 832, "width": 1216, "scale": 5.0, "uc": "lowres",
       "seed": 7, "sampler": "k_euler_ancestral"}
      """
    let settings = try #require(StatedSettings(["Software": "NovelAI", "Comment": novel]))
    #expect(settings.program == "NovelAI" && settings.negative == "lowres" && settings.seed == 7)
    let swarm = """
      {"sui_image_params": {"prompt": "a door", "model": "m", "seed": 5, "steps": 20,
       "cfgscale": 7.0, "swarm_version": "0.9.5"}, "sui_extra_data": {"date": "x"}}
      """
    let other = try #require(StatedSettings(["parameters": swarm]))
    #expect(other.program == "SwarmUI 0.9.5" && other.prompt == "a door" && other.guidance == 7)
    let fooocus = #"{"prompt": "a key", "seed": "12", "base_model": "j", "version": "Fooocus v2"}"#
    let third = try #require(StatedSettings(["parameters": fooocus]))
    #expect(third.program == "Fooocus v2" && third.seed == 12 && third.model == "j")
  }

  @Test func settingsThatCannotBeTaken() throws {
    var settings = StatedSettings(program: "x")
    #expect(GenerateLine(settings) == nil, "without a prompt")
    settings.prompt = "-a cat"
    settings.steps = 5000
    settings.guidance = -3
    let line = try #require(GenerateLine(settings))
    #expect(line.text == "unclip generate -- '-a cat'")
    #expect(line.notes.count == 2)
  }

  @Test func numbersThatAreNone() throws {
    let odd = "a\nSteps: 9e9, CFG scale: nan, Seed: -1, Size: 1x2x3"
    let settings = try #require(StatedSettings(["parameters": odd]))
    #expect(settings.steps == nil && settings.guidance == nil && settings.seed == nil)
    #expect(settings.width == nil && GenerateLine(settings)?.text == "unclip generate a")
    let infinite = #"{"prompt": "a", "cfg_scale": Infinity, "steps": 1e99, "seed": 1.5}"#
    let other = try #require(StatedSettings(["parameters": infinite]))
    #expect(other.guidance == nil && other.steps == nil && other.seed == nil)
    _ = try JSONEncoder().encode(other)
  }

  /// Any text is read or not; nothing else happens.
  @Test func anyText() throws {
    var random = SplitMix(seed: 1)
    let graph = #"{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "positive": ["6", 0]}}}"#
    let dream = #""a cat [dog]" -s 50 -S 123 --x -C7.5"#
    let marks = Array("\"\\[]{}()<>:,-\n 1a\u{1B}猫")
    for text in [Self.webUI, graph, dream] {
      for _ in 0..<300 {
        var changed = Array(text)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let place = Int.random(in: 0..<changed.count, using: &random)
          switch Int.random(in: 0..<3, using: &random) {
          case 0: changed[place] = try #require(marks.randomElement(using: &random))
          case 1: changed.removeSubrange(place..<min(changed.count, place + 5))
          default: changed.insert(contentsOf: changed[place...].prefix(40), at: place)
          }
          if changed.isEmpty { changed = ["x"] }
        }
        for key in ["parameters", "prompt", "Dream", "sd-metadata", "UserComment"] {
          guard let settings = StatedSettings([key: String(changed)]) else { continue }
          let line = GenerateLine(settings)?.text ?? ""
          #expect(Output.printable(line) == line)
          _ = try JSONEncoder().encode(settings)
        }
      }
    }
  }

  @Test func samplersByFamily() {
    let kinds = [
      "DPM++ 2M Karras": "dpm++", "dpmpp_2m_sde": "dpm++", "DPMSolverMultistep": "dpm++",
      "DDIM": "ddim", "ddim_uniform": "ddim", "Euler a": "ddpm", "k_euler_ancestral": "ddpm",
      "ddpm": "ddpm", "LMS": nil, "Heun": nil,
    ]
    for (name, kind) in kinds { #expect(GenerateLine.sampler(name) == kind, "\(name)") }
  }

  @Test func wordsAreQuotedForAShell() throws {
    for word in ["a b", "it's", "$HOME `x` \"y\" \\", "", "*", "ü 猫", "a\nb\u{1B}[31m\t'\\"] {
      let quoted = GenerateLine.quoted(word)
      #expect(Output.printable(quoted) == quoted, "nothing in it controls a terminal")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", "printf %s " + quoted]
      process.environment = ["LC_ALL": "C.UTF-8"]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let out = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(String(decoding: out, as: UTF8.self) == word, "\(quoted)")
    }
    #expect(GenerateLine.quoted("apple-7.png") == "apple-7.png")
  }
}
