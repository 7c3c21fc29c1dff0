// What the page asks of the server, and the jobs that it follows.

const keyName = "unclip.key";
let key = localStorage.getItem(keyName) ?? "";
let keyAsked = null;

/** An answer that is no success; `message` is one sentence for people. */
export class ServerError extends Error {
  constructor(message, status, param, wait) {
    super(message);
    Object.assign(this, { status, param, wait });
  }
}

/** Asks for the key of the server, once for all that wait for it. */
function askForKey() {
  keyAsked ??= new Promise((resolve) => {
    const dialog = document.getElementById("key-dialog");
    dialog.addEventListener("close", () => {
      key = document.getElementById("key").value.trim();
      localStorage.setItem(keyName, key);
      keyAsked = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return keyAsked;
}

/** Sends a request; throws a ServerError for anything but success. */
export async function send(path, options = {}) {
  for (;;) {
    const headers = new Headers(options.headers);
    if (key) headers.set("Authorization", `Bearer ${key}`);
    let answer;
    try {
      answer = await fetch(path, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError("The server cannot be reached.", 0);
    }
    if (answer.ok) return answer;
    if (answer.status === 401) { await askForKey(); continue; }
    let fault = {};
    try { fault = (await answer.json()).error ?? {}; } catch { /* no object of ours */ }
    const wait = Number(answer.headers.get("Retry-After")) || null;
    throw new ServerError(
      fault.message ?? `The server answers ${answer.status}.`, answer.status, fault.param, wait);
  }
}

export const get = async (path, options) => (await send(path, options)).json();

export const post = (path, value, options = {}) => send(path, {
  ...options, method: "POST", headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
}).then((answer) => answer.json());

export const imageURL = (id) => `/v1/images/files/${id}.png`;

/** The file of an image. */
export const imageFile = async (id) => (await send(imageURL(id))).blob();

const blobs = new Map();

/** Shows an image; with a key its file is fetched, as an element sends none. */
export async function showImage(element, id) {
  element.dataset.id = id;
  if (!key) { element.src = imageURL(id); return; }
  if (!blobs.has(id)) blobs.set(id, imageFile(id).then((file) => URL.createObjectURL(file)));
  try {
    const url = await blobs.get(id);
    if (element.dataset.id === id) element.src = url;
  } catch { blobs.delete(id); }
}

/** Submits a job; `files` are Blobs by the names that `request` gives as `file:NAME`. */
export async function submit(request, files = {}, options = {}) {
  if (!Object.keys(files).length) return post("/v1/jobs", request, options);
  const form = new FormData();
  form.append("request", JSON.stringify(request));
  for (const [name, file] of Object.entries(files)) form.append(name, file, `${name}.png`);
  return (await send("/v1/jobs", { ...options, method: "POST", body: form })).json();
}

export const cancel = (id) => send(`/v1/jobs/${id}`, { method: "DELETE" }).catch(() => {});

/** Yields the events of a stream of server-sent events as `{event, data}`. */
async function* events(path, signal) {
  const answer = await send(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text = (text + value).replaceAll("\r\n", "\n");
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const found = { event: "message", data: "" };
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("event:")) found.event = line.slice(6).trim();
        else if (line.startsWith("data:")) found.data += line.slice(5).trim();
      }
      if (found.data) yield { event: found.event, data: JSON.parse(found.data) };
    }
  }
}

const isFinal = (job) => ["done", "failed", "cancelled"].includes(job.state);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Why a job failed, as a sentence. */
export function reason(job) {
  if (job.error?.message) return job.error.message;
  const [[kind, value] = []] = Object.entries(job.failure ?? {});
  switch (kind) {
    case "invalid": case "failed": return value?._0 ?? value?.message ?? "The job failed.";
    case "crashed": return "The process that drew ended; try again.";
    case "outOfMemory": return "There was not enough memory; try a smaller size.";
    case "noSpace": return "There is no space left for images; delete some.";
    case "expired": return "The job waited too long.";
    case "interrupted": return "The server was stopped.";
    default: return "The job failed.";
  }
}

/**
 * Runs a job to its end. `on` may have `job(record)`, `preview(url)` and `image({id, index, …})`.
 * A broken connection is taken up again. Returns the last record; aborting `signal` cancels the job.
 */
export async function run(request, { files, on = {}, signal } = {}) {
  // Not given up halfway: a job that was accepted is to be cancelled.
  let job = await submit(request, files);
  on.job?.(job);
  const stop = () => cancel(job.id);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const seen = new Set();
  const image = (data) => {
    if (seen.has(data.id)) return;
    seen.add(data.id);
    on.image?.(data);
  };
  try {
    for (let tries = 0; !isFinal(job) && tries < 20; tries += 1) {
      try {
        for await (const { event, data } of events(`/v1/jobs/${job.id}/events`)) {
          tries = 0;
          if (event === "image") image(data);
          if (event !== "job") continue;
          job = data;
          on.job?.(job);
          if (data.preview) on.preview?.(`data:image/png;base64,${data.preview}`);
          if (isFinal(job)) break;
        }
      } catch (error) {
        if (error.status && error.status < 500) throw error;
      }
      if (isFinal(job)) break;
      await pause(Math.min(5, 0.5 * (tries + 1)));
      try { job = await get(`/v1/jobs/${job.id}`); } catch (error) {
        if (error.status === 404) throw error;
      }
    }
    if (job.state === "done") {
      // Images whose event was missed.
      job.images.forEach((id, index) => image({ id, index }));
    }
    return job;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
