// The view that draws from a prompt, also while one types.
import { get, imageFile, reason, run, send, showImage } from "./api.js";
import { $, announce, bindOutput, bindWell, can, debounce, element, fail, seedOf, showProgress, thumb, words } from "./ui.js";
import { openViewer, startVariations } from "./viewer.js";
import { added, recentChanged } from "./history.js";
import * as edit from "./edit.js";
import { pick } from "./picker.js";

let model = null;
/** What is being drawn; null while nothing is. */
let current = null;
/** The last image that was drawn while typing and is not kept. */
let draft = null;
let shown = null;

/** The image file to start from; null starts from noise. */
let start = null;

/** Settings of a recalled image that have no field. */
let extra = {};

/** Settings that have a field, with their ranges. */
const fields = [
  ["decoder_steps", { min: 1, max: 1000, step: 1 }], ["decoder_guidance", { min: 0, max: 100, step: 0.5 }],
  ["prior_steps", { min: 1, max: 1000, step: 1 }], ["prior_guidance", { min: 0, max: 100, step: 0.5 }],
  ["prior_candidates", { min: 1, max: 64, step: 1 }], ["upsampler_steps", { min: 1, max: 1000, step: 1 }],
  ["guidance_rescale", { min: 0, max: 1, step: 0.05 }], ["decoder_sampler", ["ddpm", "ddim", "dpm++", "analytic"]],
];

/** Reads the model's own settings, which may be JSON or bytes in base64. */
export function defaultsOf(description) {
  const { defaults } = description ?? {};
  if (typeof defaults !== "string") return defaults ?? {};
  for (const text of [() => defaults, () => atob(defaults)]) {
    try { return JSON.parse(text()); } catch { /* the other form */ }
  }
  return {};
}

export function ready(description) {
  model = description;
  const size = $("size");
  size.replaceChildren(...model.sizes.map((side) => element("option", {
    value: side, textContent: side, selected: side === model.defaultSize,
  })));
  const own = defaultsOf(model);
  $("settings").replaceChildren(...fields.filter(([key]) => key in own).map(([key, range]) => {
    const input = Array.isArray(range)
      ? element("select", {}, ...range.map((name) => element("option", { value: name, textContent: name })))
      : element("input", { type: "number", inputMode: "decimal", ...range });
    input.id = `set-${key}`;
    input.value = own[key];
    return element("label", { className: "field" },
      element("span", { className: "label", textContent: words(key) }), input);
  }));
  if (model.domain) {
    $("domain").hidden = false;
    $("domain").textContent = `This model was trained on ${model.domain}.`;
  }
  // Small models draw faster than one types.
  const isSmall = Math.max(...model.sizes) <= 256;
  $("typing").checked = JSON.parse(localStorage.getItem("unclip.typing") ?? String(isSmall));
  recall(JSON.parse(sessionStorage.getItem("unclip.draw") ?? "null"));
  loadRecent();
}

/** The request of the form; `size` and `count` may be others'. */
function request({ size, count } = {}) {
  const own = defaultsOf(model);
  const settings = { ...extra };
  for (const [key] of fields) {
    const input = $(`set-${key}`);
    if (!input || input.value === "") continue;
    const value = input.type === "number" ? Number(input.value) : input.value;
    if (value !== own[key]) settings[key] = value;
  }
  const made = {
    operation: "generate", prompt: $("prompt").value.trim(), n: count ?? Number($("count").value),
    size: size ?? Number($("size").value), settings, previews: true,
  };
  const seed = seedOf($("seed").value);
  if (seed !== undefined) made.seed = seed;
  if (start) Object.assign(made, { sources: [{ file: "file:start" }], strength: Number($("start-strength").value) });
  if ($("negative").value.trim()) made.negative_prompt = $("negative").value.trim();
  return made;
}

/** Fills the form with the settings of an image. */
export function recall(from) {
  if (!from || !model) return;
  $("prompt").value = from.prompt ?? "";
  $("negative").value = from.negative_prompt ?? "";
  $("seed").value = from.seed ?? "";
  $("count").value = from.n ?? 1;
  if (model.sizes.includes(from.size)) $("size").value = from.size;
  const own = defaultsOf(model);
  const named = new Set(fields.map(([key]) => key));
  extra = Object.fromEntries(Object.entries(from.settings ?? {})
    .filter(([key, value]) => key in own && !named.has(key) && value !== own[key]));
  $("extra").textContent = Object.entries(extra).map(([key, value]) => `${words(key)}: ${value}`).join(", ");
  let differs = Boolean(from.negative_prompt) || Object.keys(extra).length > 0;
  for (const [key] of fields) {
    const input = $(`set-${key}`);
    if (!input) continue;
    input.value = from.settings?.[key] ?? own[key];
    differs ||= from.settings?.[key] !== undefined && from.settings[key] !== own[key];
  }
  if (differs) $("more").open = true;
  if (!location.hash || location.hash === "#draw") $("prompt").focus();
}

const keep = () => {
  if (!model) return;
  try { sessionStorage.setItem("unclip.draw", JSON.stringify(request())); } catch { /* half a form */ }
};

/** Shows an image, or a preview, on the stage. */
function show(url, isPreview, label) {
  const image = $("stage-image");
  image.src = url;
  image.hidden = false;
  image.classList.toggle("preview", isPreview);
  image.alt = isPreview ? "Preview of the image being drawn" : label;
  $("stage-empty").hidden = true;
}

function showDone(image) {
  shown = image;
  const picture = $("stage-image");
  picture.hidden = false;
  picture.classList.remove("preview");
  picture.alt = image.request.prompt ?? "";
  $("stage-empty").hidden = true;
  showImage(picture, image.id);
  const action = (text, act) => {
    const button = element("button", { type: "button", textContent: text });
    button.addEventListener("click", () => Promise.resolve(act()).catch(fail));
    return button;
  };
  $("stage-actions").hidden = false;
  $("stage-actions").replaceChildren(
    ...can("vary") ? [action("Variations", () => startVariations(shown))] : [],
    ...can("inpaint") ? [action("Edit", async () => { location.hash = "#edit"; edit.open(await imageFile(shown.id), shown.request.prompt); })] : [],
    action("Same seed", () => { $("seed").value = shown.seed ?? ""; }),
    action("Open", () => openViewer(shown)));
}

/** Draws; what was being drawn before is cancelled. */
async function draw(wanted, { isDraft = false } = {}) {
  current?.abort();
  const abort = current = new AbortController();
  const isCurrent = () => current === abort;
  const made = [];
  $("cancel").hidden = isDraft;
  if (!isDraft) $("tray").replaceChildren();
  try {
    const job = await run(wanted, {
      signal: abort.signal, files: wanted.sources ? { start } : {},
      on: {
        job: (record) => { if (isCurrent()) { wanted.seed ??= record.request?.seed; showProgress($("progress"), record); } },
        preview: (url) => { if (isCurrent()) show(url, true); },
        image: (data) => {
          const image = { ...data, request: wanted, seed: data.seed ?? wanted.seed };
          if (!isCurrent()) { if (isDraft) drop(image); return; }
          made.push(image);
          showDone(image);
          if (isDraft) { const old = draft; draft = image; drop(old); return; }
          $("tray").append(thumb(image, openViewer));
          added();
        },
      },
    });
    if (isCurrent() && job.state === "failed") throw new Error(reason(job));
    if (isCurrent() && !isDraft) announce(`${made.length} images are drawn.`);
  } catch (error) {
    if (isCurrent() && !(isDraft && error.status === 429)) fail(error);
  } finally {
    if (isCurrent()) {
      current = null;
      $("cancel").hidden = true;
      showProgress($("progress"), null);
    }
  }
  return made;
}

/** Deletes an image that was only drawn on the way. */
function drop(image) {
  if (image) send(`/v1/history/${image.id}`, { method: "DELETE" }).catch(() => {});
}

const stop = () => {
  typeSmall.stop();
  typeLarge.stop();
  current?.abort();
  current = null;
  $("cancel").hidden = true;
  showProgress($("progress"), null);
};

// While one types: small at first, large when one pauses, always of one seed, so that the image
// follows the words.
let typingSeed = Math.floor(Math.random() * 2 ** 32);
const typed = (size) => {
  if (!model || !$("typing").checked || !$("prompt").value.trim()) return;
  try {
    const wanted = request({ size, count: 1 });
    wanted.seed ??= typingSeed;
    draw(wanted, { isDraft: true });
  } catch (error) { fail(error); }
};
const typeSmall = debounce(350, () => typed(Math.min(...model?.sizes ?? [0])));
const typeLarge = debounce(1400, () => {
  if (model && Number($("size").value) > Math.min(...model.sizes)) typed(Number($("size").value));
});

export async function loadRecent() {
  try {
    const page = await get("/v1/history?limit=12");
    $("recent").replaceChildren(...page.images.map((image) => thumb(image, (one) => openViewer(one, page.images))));
    document.querySelector(".strip-title").hidden = !page.images.length;
  } catch { /* the history says it itself */ }
}
recentChanged(debounce(300, loadRecent));

const putStart = bindWell($("start-well"), "Start from an image", pick, (file) => {
  start = file;
  $("start-clear").hidden = !file;
  $("start-strength").disabled = !file;
  typeSmall();
});
bindOutput($("start-strength"), $("start-out"), (value) => `${Math.round(value * 100)} %`);
$("start-strength").addEventListener("change", () => typeSmall());
$("start-clear").addEventListener("click", () => putStart(null));

$("draw-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!model) return fail(new Error("The model is still loading."));
  if (!$("prompt").value.trim()) { $("prompt").focus(); return fail(new Error("Write what you want to see.")); }
  typeSmall.stop();
  typeLarge.stop();
  try {
    const wanted = request();
    if ($("typing").checked) wanted.seed ??= typingSeed;
    // The draft of the same prompt was a smaller or the same image.
    drop(draft);
    draft = null;
    typingSeed = Math.floor(Math.random() * 2 ** 32);
    keep();
    draw(wanted).catch(fail);
  } catch (error) { fail(error); }
});
$("prompt").addEventListener("input", () => { keep(); typeSmall(); typeLarge(); });
$("typing").addEventListener("change", () => {
  localStorage.setItem("unclip.typing", JSON.stringify($("typing").checked));
  if ($("typing").checked) typeSmall(); else stop();
});
$("draw-form").addEventListener("change", keep);
$("cancel").addEventListener("click", stop);
addEventListener("keydown", (event) => {
  if ($("view-draw").hidden || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("draw-form").requestSubmit();
  }
  if (event.key === "Escape" && current) stop();
});
$("dice").addEventListener("click", () => {
  $("seed").value = Math.floor(Math.random() * 2 ** 32);
  keep();
  typeSmall();
});
$("reset").addEventListener("click", () => {
  const { prompt, size, n, seed } = request();
  recall({ prompt, size, n, seed });
});
