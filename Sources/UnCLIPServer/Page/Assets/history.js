// The images that were made: pages, search by words, by what is seen and by an image.
import { get, post, send } from "./api.js";
import { $, debounce, fail, thumb } from "./ui.js";
import { openViewer } from "./viewer.js";

let images = [];
let next = null;
/** What is searched for; null for the list. */
let search = null;
let isStale = true;
/** The number of the newest request; answers to older ones come too late. */
let asked = 0;
const listeners = [];

/** Calls `action` whenever images come or go. */
export const recentChanged = (action) => listeners.push(action);

/** Says that images came or changed. */
export function added() {
  isStale = true;
  for (const action of listeners) action();
  if (!$("view-history").hidden && !search) reload();
}

/** Says that an image was deleted. */
export function removed(id) {
  images = images.filter((image) => image.id !== id);
  fill();
  for (const action of listeners) action();
}

export function shown() { if (isStale && !search) load().catch(fail); }

export function ready() { if (!$("view-history").hidden) load().catch(fail); }

const byWords = () => document.querySelector("[name=search-kind]:checked").value === "words";

async function load(before = null) {
  const query = new URLSearchParams({ limit: "60" });
  if (before !== null) query.set("before", before);
  if ($("favourites").checked) query.set("favourite", "true");
  if (byWords() && $("search").value.trim()) query.set("text", $("search").value.trim());
  const number = asked += 1;
  const page = await get(`/v1/history?${query}`);
  if (number !== asked) return;
  images = before === null ? page.images : [...images, ...page.images];
  next = page.next ?? null;
  isStale = false;
  note("");
  fill();
}
const reload = debounce(300, () => load().catch(fail));

function fill() {
  const list = $("favourites").checked && search ? images.filter(({ favourite }) => favourite) : images;
  $("history").replaceChildren(...list.map((image) => thumb(image, (one) => openViewer(one, list))));
  $("history-more").hidden = next === null;
  $("history-empty").hidden = list.length > 0;
  $("history-empty").textContent = search || $("search").value || $("favourites").checked
    ? "Nothing was found." : "Images that you make are kept here.";
}

function note(text) {
  $("search-note").hidden = !text;
  $("search-note").textContent = text;
}

async function find(what, request) {
  search = what;
  note("Searching …");
  const number = asked += 1;
  const page = await request();
  if (number !== asked) return;
  images = page.images;
  next = null;
  isStale = true;
  note(`Nearest to ${what} first.`);
  fill();
}

/** Shows the images that look like one of them. */
export const searchImage = (image) =>
  find("the image", () => post("/v1/history/search", { image, limit: 60 }));

/** Shows the images that look like that of a file. */
export const searchFile = (file) => find("the image", () => send("/v1/history/search", {
  method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file,
}).then((answer) => answer.json()));

$("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("search").value.trim();
  if (!text || byWords()) { search = null; return load().catch(fail); }
  find(`“${text}”`, () => post("/v1/history/search", { text, limit: 60 })).catch((error) => {
    note("");
    fail(error);
  });
});
$("search").addEventListener("input", () => {
  if (!$("search").value) { search = null; reload(); } else if (byWords()) { search = null; reload(); }
});
for (const input of document.querySelectorAll("[name=search-kind]")) {
  input.addEventListener("change", () => $("search-form").requestSubmit());
}
$("search-file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) searchFile(file).catch(fail);
  event.target.value = "";
});
$("favourites").addEventListener("change", () => { if (search) fill(); else load().catch(fail); });
$("history-more").addEventListener("click", () => load(next).catch(fail));
