// Classifies what is typed, with MediaPipe's TextClassifier and a .tflite beside this page.

import { FilesetResolver, TextClassifier } from "./vendor/text_bundle.mjs";
import { plain } from "./plain.js";

const MODEL = new URLSearchParams(location.search).get("model") ?? "model.tflite";
const EXAMPLES = ["A film to see twice.", "Not bad at all!", "Two hours that felt like six."];
const MOST_BARS = 8;
const PAUSE = 40; // milliseconds after a key, so that fast typing waits for no model
const KEPT = "bert-in-your-browser"; // files for when there is no network

const element = (id) => document.getElementById(id);
const [text, examples, status] = ["text", "examples", "status"].map(element);
const [result, answer, bars] = ["result", "answer", "bars"].map(element);
const rows = new Map(); // by the number of a class

let classifier;
let timer;

const buttons = EXAMPLES.map((example) => {
  const button = document.createElement("button");
  button.type = "button";
  button.disabled = true;
  button.textContent = example;
  button.addEventListener("click", () => {
    text.value = example;
    show();
  });
  return button;
});
examples.append(...buttons);
text.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE);
});

start().catch((error) => {
  console.error(error);
  status.textContent = String(error.message ?? error).split("\n")[0];
  status.classList.add("failed");
});

async function start() {
  const content = await load(MODEL);
  const files = await FilesetResolver.forTextTasks("vendor/wasm");
  const options = { baseOptions: { modelAssetBuffer: content }, maxResults: MOST_BARS };
  try {
    classifier = await TextClassifier.createFromOptions(files, options);
  } catch (error) {
    throw new Error(`${MODEL} is no model that this page can use. ${error.message ?? error}`);
  }
  text.disabled = false;
  for (const button of buttons) button.disabled = false;
  result.hidden = false;
  draw(classify("a")); // the first time takes longest, and the classes get their bars
  show();
  text.focus({ preventScroll: true });
  const about = `${MODEL}, ${(content.length / 1e6).toFixed(1)} MB`;
  status.textContent = `Ready: ${about}.`;
  const isKept = await keepForOffline();
  if (isKept) status.textContent = `Ready: ${about}. This page works without a network now.`;
}

async function load(model) {
  let response;
  try {
    response = await fetch(model);
  } catch {
    throw new Error(`${model} cannot be loaded: no connection, or it is on another host.`);
  }
  if (!response.ok) {
    throw new Error(`${model} cannot be loaded (error ${response.status}). Is it beside this page?`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

function show() {
  clearTimeout(timer);
  const typed = plain(text.value).trim();
  const said = typed ? classify(typed) : [];
  const [best] = said; // the most probable is the first
  answer.textContent = best ? `Most likely: ${name(best)}` : "Type something.";
  answer.classList.toggle("waiting", !best);
  draw(said);
}

function classify(typed) {
  return classifier.classify(typed).classifications[0].categories;
}

/** Bars for what the model said; without it those that there are, empty. */
function draw(said) {
  for (const one of said) {
    if (!rows.has(one.index)) rows.set(one.index, newRow(name(one)));
  }
  const byClass = new Map(said.map((one) => [one.index, one]));
  for (const [index, row] of rows) {
    const one = byClass.get(index);
    row.item.hidden = said.length > 0 && !one;
    row.item.classList.toggle("best", one !== undefined && one === said[0]);
    row.item.dataset.score = one?.score ?? "";
    row.share.textContent = one ? percent(one.score) : "";
    row.bar.style.width = `${100 * (one?.score ?? 0)}%`;
  }
  // In the order of the classes, so that bars stay where they are.
  bars.append(...[...rows].sort(([a], [b]) => a - b).map(([, row]) => row.item));
}

function newRow(label) {
  const row = { item: "li", label: "span", share: "span", track: "div", bar: "div" };
  for (const [part, tag] of Object.entries(row)) {
    row[part] = document.createElement(tag);
    row[part].className = part;
  }
  row.label.textContent = label;
  row.track.append(row.bar);
  row.item.append(row.label, row.share, row.track);
  return row;
}

function name(one) {
  return one.categoryName || `class ${one.index}`;
}

function percent(score) {
  return `${(100 * score).toFixed(1)} %`;
}

/** Keeps what this page has loaded; from then on `offline.js` answers where no network does. */
async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return false; // only on https and on localhost
  try {
    await navigator.serviceWorker.register("offline.js");
    const loaded = performance.getEntriesByType("resource").map((one) => one.name);
    const ours = loaded.filter((address) => new URL(address).origin === location.origin);
    const cache = await caches.open(KEPT);
    await cache.addAll(new Set([location.href, ...ours]));
    return true;
  } catch (error) {
    console.warn("Not kept for offline use:", error); // a private window, say
    return false;
  }
}
