// Starts the page: views by the address, the state of the server, theme, and dropped images.
import { get, imageFile } from "./api.js";
import { $, fail, say, setAble } from "./ui.js";
import { pngTexts, requestOf } from "./png.js";
import * as draw from "./draw.js";
import * as edit from "./edit.js";
import * as blend from "./blend.js";
import * as grid from "./grid.js";
import * as history from "./history.js";
import * as model from "./model.js";

const views = { draw, edit, blend, grid, history, model };

/** Shows the view that the address names. */
function show() {
  const name = location.hash.slice(1).split("/")[0];
  const current = views[name] ? name : "draw";
  for (const [key, view] of Object.entries(views)) {
    $(`view-${key}`).hidden = key !== current;
    if (key === current) view.shown?.();
  }
  scrollTo(0, 0);
  for (const link of document.querySelectorAll(".tabs a")) {
    const isCurrent = link.hash === `#${current}`;
    if (isCurrent) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = `unclip · ${current}`;
}

/** Asks for the model until it is loaded. */
async function load() {
  const status = $("status");
  const label = status.querySelector(".label");
  for (let tries = 0; ; tries += 1) {
    try {
      const description = await get("/v1/model");
      status.className = "status ready";
      label.textContent = description.name;
      setAble(description.operations);
      for (const view of Object.values(views)) view.ready?.(description);
      return;
    } catch (error) {
      status.className = error.status === 503 ? "status busy" : "status fault";
      label.textContent = error.status === 503 ? "Loading the model" : error.message;
      await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 500 * (tries + 1))));
    }
  }
}

/** Light, dark, or as the system has it. */
function bindTheme() {
  const name = "unclip.theme";
  const apply = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply(localStorage.getItem(name));
  $("theme").addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem(name, isDark ? "light" : "dark");
    apply(isDark ? "light" : "dark");
  });
}

/** Takes an image that was dropped: where one is asked for, it goes there; else its settings are read. */
async function take(file) {
  const view = location.hash.slice(1);
  if (view === "edit") return edit.open(file);
  if (view === "blend") return blend.open(file);
  if (view === "history") return history.searchFile(file);
  const request = requestOf(await pngTexts(file));
  if (!request) {
    location.hash = "#edit";
    edit.open(file);
    return say("It has no settings of unclip; here it can be edited.");
  }
  draw.recall(request);
  say("The settings of the image are filled in.");
}

function bindDrop() {
  let depth = 0;
  const takes = (event) => [...event.dataTransfer?.types ?? []].some(
    (type) => type === "Files" || type === "application/x-unclip-image");
  const set = (value) => { depth = Math.max(0, value); $("drop").hidden = depth === 0; };
  addEventListener("dragenter", (event) => { if (takes(event)) { event.preventDefault(); set(depth + 1); } });
  addEventListener("dragleave", (event) => { if (takes(event)) set(depth - 1); });
  addEventListener("dragover", (event) => { if (takes(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    set(0);
    if (!takes(event)) return;
    event.preventDefault();
    try {
      const id = event.dataTransfer.getData("application/x-unclip-image");
      const file = id ? await imageFile(id) : event.dataTransfer.files[0];
      if (file) await take(file);
    } catch (error) { fail(error); }
  });
  addEventListener("paste", (event) => {
    const file = [...event.clipboardData?.files ?? []].find(({ type }) => type.startsWith("image/"));
    if (file) take(file).catch(fail);
  });
}

bindTheme();
bindDrop();
addEventListener("hashchange", show);
show();
load();
