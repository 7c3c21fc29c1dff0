// The view that paints over a part of an image, extends it, or enlarges it.
import { imageFile } from "./api.js";
import { $, bindKinds, bindOutput, fail, say, seedOf } from "./ui.js";
import { Mask } from "./mask.js";
import { has } from "./model.js";
import { Session } from "./session.js";

let bitmap = null;
let file = null;
let mask = null;
let erases = false;
let isPainting = false;
/** Where the keyboard paints; null until an arrow key is used. */
let cursor = null;

const form = $("edit-form");
const canvas = $("edit-canvas");
const session = new Session("edit");
const kind = () => form.elements["edit-kind"].value;
const sides = () => Object.fromEntries(["left", "top", "right", "bottom"].map(
  (name) => [name, Math.max(0, Math.min(1024, Math.round(Number($(`out-${name}`).value) || 0)))]));

/** Opens an image file; `prompt` is what it was made from. */
export async function open(source, prompt) {
  try {
    bitmap = await createImageBitmap(source);
  } catch {
    return say("This file is no image that a browser can read.", true);
  }
  file = source;
  mask = new Mask(bitmap.width, bitmap.height);
  cursor = null;
  if (prompt && !$("edit-prompt").value) $("edit-prompt").value = prompt;
  $("brush").value = Math.max(2, Math.round(Math.min(bitmap.width, bitmap.height) / 8));
  $("brush").dispatchEvent(new Event("input"));
  $("edit-empty").hidden = true;
  canvas.hidden = false;
  $("edit-run").disabled = false;
  render();
}

/** Chooses what to do. */
export function choose(name) {
  form.elements["edit-kind"].value = name;
  kindChanged();
}

export const shown = () => render();

/** Shows image and mask, as large as the stage allows. */
function render() {
  if (!bitmap || $("view-edit").hidden) return;
  const extra = kind() === "outpaint" ? sides() : { left: 0, top: 0, right: 0, bottom: 0 };
  canvas.width = bitmap.width + extra.left + extra.right;
  canvas.height = bitmap.height + extra.top + extra.bottom;
  const stage = $("edit-stage").getBoundingClientRect();
  const scale = Math.min((stage.width - 28) / canvas.width, (stage.height - 28) / canvas.height);
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, extra.left, extra.top);
  if (kind() === "inpaint") {
    const tint = document.createElement("canvas");
    tint.width = canvas.width;
    tint.height = canvas.height;
    const over = tint.getContext("2d");
    over.drawImage(mask.canvas, 0, 0);
    over.globalCompositeOperation = "source-in";
    over.fillStyle = "#6c5ce7";
    over.fillRect(0, 0, tint.width, tint.height);
    context.globalAlpha = 0.62;
    context.drawImage(tint, 0, 0);
    context.globalAlpha = 1;
    if (cursor) {
      context.strokeStyle = "#fff";
      context.lineWidth = 1 / scale;
      context.beginPath();
      context.arc(...cursor, Number($("brush").value) / 2, 0, 2 * Math.PI);
      context.stroke();
    }
  }
  $("undo").disabled = !mask.steps.length;
  $("redo").disabled = !mask.undone.length;
}

const point = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width,
    (event.clientY - box.top) * canvas.height / box.height];
};
const stroke = (at) => ({ kind: "stroke", points: [at], size: Number($("brush").value), erases });

/** A side that is being dragged, with where that began; null while none is. */
let dragged = null;

/** Begins to drag the side of the image that is nearest. */
function beginSide(event) {
  const [x, y] = point(event);
  const extra = sides();
  const distances = {
    left: Math.abs(x - extra.left), right: Math.abs(x - extra.left - bitmap.width),
    top: Math.abs(y - extra.top), bottom: Math.abs(y - extra.top - bitmap.height),
  };
  const [[side]] = Object.entries(distances).sort((one, other) => one[1] - other[1]);
  const box = canvas.getBoundingClientRect();
  dragged = { side, from: [event.clientX, event.clientY], scale: canvas.width / box.width, pixels: extra[side] };
}

/** Moves the side, in steps of 8 pixels. */
function moveSide(event) {
  const { side, from, scale, pixels } = dragged;
  const across = side === "left" || side === "right";
  const by = across ? event.clientX - from[0] : event.clientY - from[1];
  const outwards = (side === "left" || side === "top" ? -by : by) * scale;
  $(`out-${side}`).value = Math.max(0, Math.min(1024, Math.round((pixels + outwards) / 8) * 8));
  render();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  canvas.setPointerCapture(event.pointerId);
  if (kind() === "outpaint") return beginSide(event);
  if (kind() !== "inpaint") return;
  isPainting = true;
  cursor = null;
  mask.begin(stroke(point(event)));
  render();
});
canvas.addEventListener("pointermove", (event) => {
  if (dragged) return moveSide(event);
  if (!isPainting) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) mask.extend(point(one));
  render();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => { isPainting = false; dragged = null; });
}
canvas.addEventListener("keydown", (event) => {
  if (kind() !== "inpaint" || !mask) return;
  const by = Math.max(1, Number($("brush").value) / 3);
  const move = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
  if (!move && event.key !== " ") return;
  event.preventDefault();
  cursor ??= [canvas.width / 2, canvas.height / 2];
  if (move) {
    cursor = [Math.max(0, Math.min(canvas.width, cursor[0] + move[0])),
      Math.max(0, Math.min(canvas.height, cursor[1] + move[1]))];
    if (event.shiftKey && mask.steps.at(-1)?.kind === "stroke") mask.extend(cursor);
  } else {
    mask.begin(stroke(cursor));
  }
  render();
});

function setErases(value) {
  erases = value;
  $("brush-paint").setAttribute("aria-pressed", String(!value));
  $("brush-erase").setAttribute("aria-pressed", String(value));
}
const undo = () => { mask?.undo(); render(); };
const redo = () => { mask?.redo(); render(); };
$("brush-paint").addEventListener("click", () => setErases(false));
$("brush-erase").addEventListener("click", () => setErases(true));
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("mask-clear").addEventListener("click", () => { mask?.begin({ kind: "clear" }); render(); });
$("mask-invert").addEventListener("click", () => { mask?.begin({ kind: "invert" }); render(); });
addEventListener("keydown", (event) => {
  const isText = event.target.matches?.("textarea, input:not([type=range]):not([type=radio])");
  if ($("view-edit").hidden || isText || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    if (event.shiftKey) redo(); else undo();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "b") {
    setErases(false);
  } else if (event.key === "e") {
    setErases(true);
  }
});
addEventListener("resize", render);

bindOutput($("brush"), $("brush-out"), (value) => `${value} px`);
bindOutput($("strength"), $("strength-out"), (value) => `${Math.round(value * 100)} %`);
const kindChanged = bindKinds(form, "edit-kind", render);
for (const name of ["left", "top", "right", "bottom"]) $(`out-${name}`).addEventListener("input", render);
$("edit-file").addEventListener("change", (event) => {
  const [chosen] = event.target.files;
  if (chosen) open(chosen);
  event.target.value = "";
});

/** The request of the form and its files. */
async function request() {
  const made = { operation: kind(), n: 1, sources: [{ file: "file:image" }], previews: true };
  const files = { image: file };
  if (kind() === "upscale") {
    // The second is the one for larger images, which are not always clean.
    if (Math.max(bitmap.width, bitmap.height) >= 256 && has("super_res_second")) made.upsampler = "second";
    return [made, files];
  }
  made.n = Number($("edit-count").value);
  const seed = seedOf($("edit-seed").value);
  if (seed !== undefined) made.seed = seed;
  if ($("edit-prompt").value.trim()) made.prompt = $("edit-prompt").value.trim();
  if (kind() === "inpaint") {
    if (mask.isEmpty) throw new Error("Paint over the part that is to be made anew.");
    made.mask = "file:mask";
    files.mask = await mask.file();
    if (Number($("strength").value) < 1) made.strength = Number($("strength").value);
  } else {
    const extra = Object.entries(sides()).filter(([, pixels]) => pixels > 0);
    if (!extra.length) throw new Error("Say by how many pixels the image is to grow.");
    Object.assign(made, Object.fromEntries(extra));
  }
  return [made, files];
}

/** Goes on with an image of the tray. */
async function goOn(image) {
  const prompt = $("edit-prompt").value;
  await open(await imageFile(image.id));
  $("edit-prompt").value = prompt;
  if (kind() === "outpaint") for (const name of ["left", "top", "right", "bottom"]) $(`out-${name}`).value = 0;
  render();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  session.during(async (signal) => {
    const [wanted, files] = await request();
    const images = await session.job(wanted, { files, signal, open: (image) => goOn(image).catch(fail) });
    if (images.length) {
      const before = mask;
      await goOn(images[0]);
      // Undo brings the painted part back, to try again.
      if (before.canvas.width === mask.canvas.width && before.canvas.height === mask.canvas.height) {
        mask = before;
        mask.begin({ kind: "clear" });
        render();
      }
      if (images.length > 1) say("Choose one of the images below to go on with it.");
    }
  });
});
