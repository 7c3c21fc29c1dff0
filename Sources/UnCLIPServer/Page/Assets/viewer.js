// An image of the history, large, with its settings and all that can be done with it.
import { get, imageFile, reason, run, send, showImage } from "./api.js";
import { $, can, element, fail, facts, say, showProgress, thumb, title } from "./ui.js";
import * as draw from "./draw.js";
import * as edit from "./edit.js";
import * as blend from "./blend.js";
import * as history from "./history.js";

let shown = null;
let row = [];

/** Opens an image; `images` are those that the arrow keys lead to. */
export async function openViewer(image, images = []) {
  row = images.length ? images : [image];
  if (!$("viewer").open) $("viewer").showModal();
  show(image);
}

/** Ends when all that is known of the image is shown. */
let loaded = Promise.resolve();

function show(image) {
  shown = image;
  fill(image);
  loaded = load(image).catch(fail);
}

async function load(image) {
  const whole = await get(`/v1/history/${image.id}`);
  if (shown.id !== whole.id) return;
  shown = { ...whole, similarity: image.similarity };
  fill(shown);
}

function fill(image) {
  const place = row.findIndex(({ id }) => id === image.id);
  $("viewer-back").disabled = place <= 0;
  $("viewer-next").disabled = place < 0 || place >= row.length - 1;
  showImage($("viewer-image"), image.id);
  $("viewer-image").alt = title(image);
  $("viewer-prompt").textContent = title(image);
  $("viewer-settings").replaceChildren(...facts(image).flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: value })]));
  const favourite = $("viewer-favourite");
  favourite.setAttribute("aria-pressed", String(Boolean(image.favourite)));
  favourite.textContent = image.favourite ? "★" : "☆";
  const action = (text, act, needs, className) => {
    if (needs && !can(needs)) return "";
    const button = element("button", { type: "button", textContent: text, className });
    button.addEventListener("click", () => Promise.resolve(act(image)).catch(fail));
    return button;
  };
  $("viewer-actions").replaceChildren(
    action("Use its settings", () => { leave("#draw"); draw.recall({ ...image.request, seed: image.seed, n: 1 }); }),
    action("Variations", () => { leave("#draw"); return startVariations(image); }, "vary"),
    action("More like this", () => { leave("#history"); return history.searchImage(image.id); }, "embed"),
    action("Edit", async () => { leave("#edit"); edit.open(await imageFile(image.id), image.request.prompt); }, "inpaint"),
    action("Enlarge", async () => { leave("#edit"); await edit.open(await imageFile(image.id)); edit.choose("upscale"); }, "upscale"),
    action("Blend", async () => { leave("#blend"); blend.open(await imageFile(image.id)); }, "interpolate"),
    action("Download", async () => {
      const url = URL.createObjectURL(await imageFile(image.id));
      element("a", { href: url, download: `${title(image).slice(0, 60)} ${image.seed}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    }),
    action("Delete", remove, null, "danger"));
}

function leave(hash) {
  $("viewer").close();
  location.hash = hash;
}

async function remove(image) {
  if (!confirm("Delete this image for good?")) return;
  await send(`/v1/history/${image.id}`, { method: "DELETE" });
  history.removed(image.id);
  $("viewer").close();
  say("The image is deleted.");
}

async function toggleFavourite() {
  await loaded;
  const image = shown;
  const isFavourite = !image.favourite;
  await send(`/v1/history/${image.id}/favourite`, { method: isFavourite ? "PUT" : "DELETE" });
  image.favourite = isFavourite;
  fill(image);
  history.added();
}

/** Makes four variations of an image, in the tray of the drawing view. */
export async function startVariations(image) {
  const file = await imageFile(image.id);
  const tray = $("tray");
  tray.replaceChildren();
  const request = { operation: "vary", n: 4, sources: [{ file: "file:image" }], previews: true };
  if (image.request.settings) request.settings = image.request.settings;
  const abort = new AbortController();
  const cancel = $("cancel");
  cancel.hidden = false;
  cancel.addEventListener("click", () => abort.abort(), { once: true });
  try {
    const job = await run(request, {
      files: { image: file }, signal: abort.signal,
      on: {
        job: (record) => showProgress($("progress"), record),
        image: (data) => {
          tray.append(thumb({ ...data, request }, openViewer));
          const picture = $("stage-image");
          picture.hidden = false;
          picture.classList.remove("preview");
          $("stage-empty").hidden = true;
          picture.alt = "Variation";
          showImage(picture, data.id);
          history.added();
        },
      },
    });
    if (job.state === "failed") throw new Error(reason(job));
  } finally {
    cancel.hidden = true;
    showProgress($("progress"), null);
  }
}

const step = (by) => {
  const next = row[row.findIndex(({ id }) => id === shown.id) + by];
  if (next) show(next);
};
$("viewer-close").addEventListener("click", () => $("viewer").close());
$("viewer-back").addEventListener("click", () => step(-1));
$("viewer-next").addEventListener("click", () => step(1));
$("viewer-favourite").addEventListener("click", () => toggleFavourite().catch(fail));
$("viewer").addEventListener("click", (event) => { if (event.target === $("viewer")) $("viewer").close(); });
$("viewer").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
  if (event.key === "f") toggleFavourite().catch(fail);
});
$("viewer-image").addEventListener("dragstart", (event) => {
  event.dataTransfer.setData("application/x-unclip-image", shown.id);
});
