// Small parts that every view uses.
import { showImage } from "./api.js";

export const $ = (id) => document.getElementById(id);

/** Makes an element; `properties` are its own, `data-`/`aria-` names attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (key.includes("-")) made.setAttribute(key, value); else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Says something in passing. */
export function say(text, isFault = false) {
  const toast = element("div", { className: isFault ? "toast fault" : "toast", textContent: text });
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), isFault ? 7000 : 3000);
}

/** Tells those who cannot see the page what has happened. */
export const announce = (text) => { $("announcer").textContent = text; };

const able = new Set();

/** Whether the model can do an operation. */
export const can = (operation) => able.has(operation);

/** Takes what the model can do, and hides what needs more. */
export function setAble(operations) {
  for (const operation of operations) able.add(operation);
  for (const part of document.querySelectorAll("[data-needs]")) part.hidden = !can(part.dataset.needs);
}

export const fail = (error) => {
  if (error?.name !== "AbortError") say(error?.message ?? String(error), true);
};

/** What an image was made of, in a few words. */
export function title(image) {
  const { request } = image;
  if (request.prompt) return request.prompt;
  if (request.from !== undefined && request.to !== undefined) return `${request.from} → ${request.to}`;
  const words = { vary: "Variation", interpolate: "Blend", upscale: "Enlarged", inpaint: "Painted over",
    outpaint: "Extended", mix: "Mixture" };
  return words[request.operation] ?? request.operation;
}

/** A button with an image of the history. */
export function thumb(image, open) {
  const label = title(image);
  const picture = element("img", { alt: "", loading: "lazy", decoding: "async", draggable: true });
  const button = element("button", { type: "button", className: "thumb", "aria-label": label },
    picture, element("span", { className: "caption", textContent: label, "aria-hidden": "true" }));
  button.dataset.id = image.id;
  if (image.favourite) button.append(element("span", { className: "star", textContent: "★", "aria-hidden": "true" }));
  picture.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData("application/x-unclip-image", image.id);
  });
  showImage(picture, image.id);
  button.addEventListener("click", () => open(image));
  return button;
}

export const seconds = (value) => {
  if (value == null) return "";
  if (value < 1) return "a moment left";
  if (value < 90) return `${Math.ceil(value)} s left`;
  return `${Math.round(value / 60)} min left`;
};

const stages = { prior: "Prior", decoder: "Decoder", upsampler: "Upsampler", second_upsampler: "Second upsampler" };

/** Says where a job is. */
export function progressText(job) {
  if (job.state === "queued") {
    const place = job.position ?? 0;
    const before = place === 0 ? "Next in the queue" : place === 1 ? "1 job before it" : `${place} jobs before it`;
    return [before, seconds(job.seconds_left)].filter(Boolean).join(" · ");
  }
  const step = job.progress;
  if (!step) return "Starting";
  const parts = [`${stages[step.stage] ?? step.stage} step ${step.step} of ${step.of}`];
  if (step.count > 1) parts.push(`image ${step.index + 1} of ${step.count}`);
  return [...parts, seconds(job.seconds_left)].filter(Boolean).join(" · ");
}

/** How much of a job is done, 0 to 1. */
export function fraction(job) {
  if (job.state === "done") return 1;
  const step = job.progress;
  if (!step) return 0;
  const order = ["prior", "decoder", "upsampler", "second_upsampler"];
  const within = { prior: [0, 0.2], decoder: [0.2, 0.85], upsampler: [0.85, 1], second_upsampler: [0.95, 1] };
  const [from, to] = order.includes(step.stage) ? within[step.stage] : [0, 1];
  return (step.index + from + (to - from) * step.step / Math.max(1, step.of)) / Math.max(1, step.count);
}

/** Shows the progress of a job in a `.progress` box. */
export function showProgress(box, job) {
  box.hidden = !job || !["queued", "running"].includes(job.state);
  if (box.hidden) { box.querySelector(".progress-text").textContent = ""; return; }
  const bar = box.querySelector("progress");
  if (job.state === "queued") bar.removeAttribute("value"); else bar.value = fraction(job);
  box.querySelector(".progress-text").textContent = progressText(job);
}

/** The settings of a request for people, as pairs. */
export function facts(image) {
  const { request } = image;
  const list = [];
  const add = (name, value) => { if (value !== undefined && value !== null && value !== "") list.push([name, String(value)]); };
  add("Made by", request.operation);
  add("Steered away from", request.negative_prompt);
  add("From", request.from);
  add("To", request.to);
  add("Theta", request.theta);
  add("Seed", image.seed ?? request.seed);
  if (image.width) add("Size", `${image.width} × ${image.height}`);
  for (const [name, value] of Object.entries(request.settings ?? {}).sort()) add(words(name), value);
  if (image.created) add("Made", new Date(image.created * 1000).toLocaleString());
  if (image.bytes) add("File", `${(image.bytes / 1000).toFixed(0)} kB`);
  if (image.similarity != null) add("Similarity", image.similarity.toFixed(3));
  return list;
}

/** A setting's key in words. */
export const words = (key) => {
  const text = key.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
};

/** A seed as typed: digits up to 2^63 - 1; undefined for none. JSON gets it as a number. */
export function seedOf(text) {
  const value = text.trim();
  if (!value) return undefined;
  if (!/^\d{1,19}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) {
    throw new Error("A seed is an integer from 0 to 9007199254740991.");
  }
  return Number(value);
}

export const debounce = (delay, action) => {
  let timer;
  const later = (...values) => { clearTimeout(timer); timer = setTimeout(action, delay, ...values); };
  later.stop = () => clearTimeout(timer);
  return later;
};

/** Shows the parts of a form for one of its kinds. */
export function bindKinds(form, name, changed) {
  const update = () => {
    const kind = form.elements[name].value;
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(kind);
    }
    changed?.(kind);
  };
  for (const input of form.elements[name]) input.addEventListener("change", update);
  update();
  return update;
}

/** Shows the value of a range beside its label. */
export function bindOutput(range, output, text = (value) => value) {
  const update = () => { output.textContent = text(range.value); };
  range.addEventListener("input", update);
  update();
}

/**
 * Makes a place for an image file, which `pick` lets one choose; `changed` gets the file or null.
 * Returns what puts a file there.
 */
export function bindWell(well, empty, pick, changed) {
  const put = (file) => {
    const old = well.querySelector("img");
    if (old) URL.revokeObjectURL(old.src);
    well.classList.toggle("full", Boolean(file));
    well.replaceChildren(file ? element("img", { src: URL.createObjectURL(file), alt: "" }) : empty);
    changed(file);
  };
  const choose = () => pick().then((file) => { if (file) put(file); }).catch(fail);
  well.addEventListener("click", choose);
  well.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); }
  });
  well.replaceChildren(empty);
  return put;
}
