// Uploads: files picked or dropped, three at a time, each with its progress and its outcome.

import { awaitPhoto } from "./timeline.js";

const AT_ONCE = 3;
// Hashing needs the whole file in memory; for larger ones the server finds duplicates after the upload.
const HASHED_UP_TO = 64 * 1024 * 1024;
const ROWS_AT_MOST = 200;

const panel = document.getElementById("uploads");
const list = document.getElementById("uploads-list");
const summary = document.getElementById("uploads-summary");
const total = document.getElementById("uploads-progress");
const veil = document.getElementById("drop-veil");
const input = document.getElementById("upload-files");

const waiting = [];
let uploads = [];
let running = 0;
let isStaying = false;

/** Queues files for upload and shows them in the list. */
function add(files) {
  for (const file of files) {
    const upload = { file, sent: 0, state: "waiting", row: rowFor(file) };
    uploads.push(upload);
    waiting.push(upload);
  }
  panel.hidden = uploads.length === 0;
  startMore();
  refresh();
}

function startMore() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).finally(() => {
      running -= 1;
      startMore();
      refresh();
    });
  }
}

async function send(upload) {
  const { file } = upload;
  setState(upload, "sending", "");
  try {
    const answer = await post(upload, await checksumOf(file));
    upload.sent = file.size;
    if (answer.status === "duplicate") setState(upload, "duplicate", "Already here", answer.id);
    else {
      setState(upload, "added", "Added", answer.id);
      awaitPhoto(answer.id);
    }
  } catch (error) {
    upload.sent = 0;
    setState(upload, "failed", error.message);
  }
}

async function checksumOf(file) {
  if (!window.crypto?.subtle || file.size >= HASHED_UP_TO) return null;
  const bytes = await file.arrayBuffer().catch(() => {
    throw new Error("The file cannot be read.");
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function post(upload, checksum) {
  const { file } = upload;
  const modified = new Date(file.lastModified).toISOString();
  const form = new FormData();
  form.append("fileCreatedAt", modified);
  form.append("fileModifiedAt", modified);
  form.append("assetData", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/assets");
    if (checksum) request.setRequestHeader("x-immich-checksum", checksum);
    request.upload.addEventListener("progress", (event) => {
      upload.sent = file.size * (event.loaded / event.total);
      refresh();
    });
    request.addEventListener("error", () => reject(new Error("The connection was lost.")));
    request.addEventListener("load", () => {
      const answer = answerOf(request);
      if (request.status === 200 || request.status === 201) resolve(answer);
      else if (request.status === 401) reject(new Error("You are signed out. Load the page again."));
      else reject(new Error(answer.message ?? `The server answered ${request.status}.`));
    });
    request.send(form);
  });
}

function answerOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {};
  }
}

function rowFor(file) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = name.title = file.name;
  const state = document.createElement("span");
  state.className = "state";
  state.textContent = "Waiting";
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  row.append(name, state, bar);
  list.append(row);
  return row;
}

function setState(upload, state, words, id = null) {
  const { row } = upload;
  upload.state = state;
  row.className = state;
  row.querySelector("progress").hidden = state !== "sending" && state !== "waiting";
  const label = row.querySelector(".state");
  label.textContent = words;
  if (id) {
    const link = document.createElement("a");
    link.href = `/photos/${id}`;
    link.textContent = words;
    label.replaceChildren(link);
  }
  row.querySelector("button")?.remove();
  if (state === "failed") row.append(retryButton(upload));
  refresh();
}

function retryButton(upload) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Retry";
  button.setAttribute("aria-label", `Retry ${upload.file.name}`);
  button.addEventListener("click", () => {
    setState(upload, "waiting", "Waiting");
    waiting.push(upload);
    startMore();
  });
  return button;
}

function refresh() {
  const count = (state) => uploads.filter((one) => one.state === state).length;
  const [added, duplicates, failed] = ["added", "duplicate", "failed"].map(count);
  const left = uploads.length - added - duplicates - failed;
  const bytes = uploads.reduce((sum, one) => sum + one.file.size, 0);
  const sent = uploads.reduce((sum, one) => sum + (one.state === "failed" ? one.file.size : one.sent), 0);
  total.value = bytes ? sent / bytes : 0;
  total.hidden = left === 0;
  for (const one of uploads) {
    if (one.state !== "sending") continue;
    one.row.querySelector("progress").value = one.file.size ? one.sent / one.file.size : 0;
    one.row.querySelector(".state").textContent = one.sent < one.file.size ? `${Math.floor((100 * one.sent) / one.file.size)} %` : "Storing";
  }
  const outcome = [
    added && `${added} added`,
    duplicates && `${duplicates} already here`,
    failed && `${failed} failed`,
  ].filter(Boolean).join(", ");
  const words = left ? `Uploading ${uploads.length - left + 1} of ${uploads.length}` : outcome;
  if (summary.textContent !== words) summary.textContent = words;
  thinOut();
}

/** Thousands of rows would make the page slow; those that went well leave first. */
function thinOut() {
  for (const row of [...list.querySelectorAll(".added")].slice(0, Math.max(0, list.children.length - ROWS_AT_MOST))) row.remove();
}

/** The files in what was dropped, those in folders included. */
async function filesIn(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) if (entry) await collect(entry, found);
  return found;
}

async function collect(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  else {
    const reader = entry.createReader();
    for (let batch; (batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length; ) {
      for (const one of batch) await collect(one, found);
    }
  }
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  veil.hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) veil.hidden = true;
});
document.addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  veil.hidden = true;
  add(await filesIn(event.dataTransfer));
});
input.addEventListener("change", () => {
  add([...input.files]);
  // The same file can be chosen again.
  input.value = "";
});
document.getElementById("uploads-close").addEventListener("click", () => {
  panel.hidden = true;
  if (running || waiting.length) return;
  uploads = [];
  list.replaceChildren();
});
// A download begins like a way to another page, but this one stays.
document.addEventListener("submit", ({ target }) => (isStaying = "download" in target.dataset));
window.addEventListener("beforeunload", (event) => {
  if ((running || waiting.length) && !isStaying) event.preventDefault();
  isStaying = false;
});
document.getElementById("upload-control").hidden = false;
