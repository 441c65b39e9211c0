// Puts beside the page what it needs to run without a network: MediaPipe, and a model.
//
//     npm install
//     npm run copy -- ../../saved_models/sentiment-tiny/dynamic_int8.tflite

import { copyFileSync, existsSync, mkdirSync } from "node:fs";

const SHIPPED = "../../saved_models/sentiment-tiny/dynamic_int8.tflite";
const PACKAGE = "node_modules/@mediapipe/tasks-text";
const FILES = [
  "text_bundle.mjs",
  "wasm/text_wasm_internal.js",
  "wasm/text_wasm_internal.wasm",
  "wasm/text_wasm_nosimd_internal.js",
  "wasm/text_wasm_nosimd_internal.wasm",
];

const model = process.argv[2] ?? SHIPPED;
if (!existsSync(model)) {
  console.error(`There is no model ${model}: name a .tflite of a classifier.`);
  process.exit(1);
}
if (!existsSync(PACKAGE)) {
  console.error("MediaPipe is not there yet: run `npm install` first.");
  process.exit(1);
}
mkdirSync("vendor/wasm", { recursive: true });
for (const file of FILES) copyFileSync(`${PACKAGE}/${file}`, `vendor/${file}`);
copyFileSync(model, "model.tflite");
console.log(`Ready: vendor/ and model.tflite, a copy of ${model}.`);
