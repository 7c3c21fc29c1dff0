// Reads the settings that an image carries in its text chunks.

const decoders = { latin1: new TextDecoder("latin1"), utf8: new TextDecoder("utf-8") };

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The texts of a PNG file by their keys; none for another file. */
export async function pngTexts(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const texts = {};
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return texts;
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const kind = decoders.latin1.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (data.length !== length || kind === "IEND") break;
    if (!["tEXt", "zTXt", "iTXt"].includes(kind) || length > 1 << 20) continue;
    const zero = data.indexOf(0);
    if (zero < 1) continue;
    const name = decoders.latin1.decode(data.subarray(0, zero));
    try {
      if (kind === "tEXt") {
        texts[name] = decoders.latin1.decode(data.subarray(zero + 1));
      } else if (kind === "zTXt") {
        texts[name] = decoders.latin1.decode(await inflate(data.subarray(zero + 2)));
      } else {
        const language = data.indexOf(0, zero + 3);
        const start = data.indexOf(0, language + 1) + 1;
        const rest = data.subarray(start);
        texts[name] = decoders.utf8.decode(data[zero + 1] ? await inflate(rest) : rest);
      }
    } catch { /* a damaged text is passed over */ }
  }
  return texts;
}

const known = [
  "prior", "prior_steps", "prior_guidance", "prior_candidates", "prior_sampler", "decoder_steps",
  "decoder_guidance", "decoder_sampler", "decoder_eta", "guidance_rescale", "guidance_start",
  "guidance_end", "threshold", "upsampler_steps", "upsampler_sampler",
];

/** The request that an image's texts describe; null for an image that unclip did not make. */
export function requestOf(texts) {
  if (texts.prompt === undefined || texts.seed === undefined) return null;
  const settings = {};
  for (const name of known) {
    if (texts[name] === undefined) continue;
    const number = Number(texts[name]);
    settings[name] = texts[name].trim() !== "" && Number.isFinite(number) ? number : texts[name];
  }
  let edit = null;
  try { edit = JSON.parse(texts.edit); } catch { /* it was made from its prompt alone */ }
  return {
    operation: edit?.operation ?? "generate", prompt: texts.prompt,
    negative_prompt: texts.negative || undefined, seed: texts.seed, size: Number(texts.size),
    settings, n: 1, from: edit?.from, to: edit?.to, theta: edit?.theta,
  };
}
