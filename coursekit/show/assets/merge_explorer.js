// Two directions over five words, and their states joined. `compute` is all of the arithmetic; tests hold it
// against coursekit.nn.recurrent.Bidirectional. Everything below it shows numbers and makes none.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const dot = (a, b) => a.reduce((sum, value, j) => sum + value * b[j], 0);

/** The states of a plain recurrent layer in the order of reading. */
export function run(vectors, { ih, hh, bias: [bias] }) {
  let h = bias.map(() => 0);
  return vectors.map(x => (h = bias.map((b, j) => Math.tanh(dot(ih[j], x) + dot(hh[j], h) + b))));
}

/** One position's state, by each mode. */
export const merge = {
  concat: (forward, backward) => [...forward, ...backward],
  sum: (forward, backward) => forward.map((f, j) => f + backward[j]),
  average: (forward, backward) => forward.map((f, j) => (f + backward[j]) / 2),
  max: (forward, backward) => forward.map((f, j) => Math.max(f, backward[j])),
  product: (forward, backward) => forward.map((f, j) => f * backward[j]),
};

/** States of both directions, a row per word, and the merged one of the position; `old-` before the change. */
export function compute({ position, changed, mode, vectors, weights }) {
  const now = vectors.words.map((vector, t) => t + 1 === changed ? vectors.others[t] : vector);
  const values = {};
  for (const [name, read] of [["", now], ["old-", vectors.words]]) {
    const forward = run(read, weights.forward), backward = run(read.toReversed(), weights.backward).reverse();
    values[`${name}forward`] = forward;
    values[`${name}backward`] = backward;
    values[`${name}merged`] = [merge[mode](forward[position - 1], backward[position - 1])];
  }
  return values;
}

// ------------------------------------------------------------------------------------------ the bars

const UNIT = 34; // how high a state of 1 stands
const ROWS = [["forward", 17, 18, 22], ["backward", 17, 18, 22], ["merged", 83, 34, 56]];

/** Bars of each row as SVG paths: those above zero, those below, and marks where they ended before. */
export function paths(values) {
  const found = {}, height = value => (-UNIT * value).toFixed(2);
  for (const [name, first, width, pitch] of ROWS) {
    let plus = "", minus = "", mark = "";
    values[name].forEach((row, t) => row.forEach((value, j) => {
      const x = 96 * t + first + pitch * j, before = values[`old-${name}`][t][j];
      const bar = `M${x} 0h${width}v${height(value)}h${-width}z`;
      if (value > 0) plus += bar; else minus += bar;
      if (value !== before) mark += `M${x - 2} ${height(before)}h${width + 4}`;
    }));
    Object.assign(found, { [`${name}_plus`]: plus, [`${name}_minus`]: minus, [`${name}_mark`]: mark });
  }
  return found;
}

// ------------------------------------------------------------------------------------------ the page

const WORDS = ["she", "was", "not", "late", "again"], OTHERS = ["he", "is", "very", "early", "today"];
const words = changed => WORDS.map((word, t) => t + 1 === changed ? OTHERS[t] : word);

const SLIDERS = [
  { name: "position", label: "position <i>t</i>", min: 1, max: 5, text: t => `${t} of 5` },
  { name: "changed", label: "change a word", min: 0, max: 5,
    text: k => k ? `${WORDS[k - 1]} → ${OTHERS[k - 1]}` : "none" },
];

const PRESETS = {
  concat: { set: { mode: "concat" }, says: "Side by side: twice as many features, and nothing is lost." },
  sum: { set: { mode: "sum" }, says: "Added, unit by unit." },
  average: { set: { mode: "average" }, says: "Half the sum." },
  max: { set: { mode: "max" }, says: "The larger of the two, unit by unit." },
  product: { set: { mode: "product" }, says: "Multiplied, unit by unit." },
};

const HTML = id => `
  <div class="controls" id="${id}">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons" role="group" aria-label="how to merge">
      ${buttons(Object.keys(PRESETS))}
      <button type="button" class="reset">Reset</button>
    </div>
    <p class="read"><b class="forward">forward</b> has read <span class="until"></span></p>
    <p class="read"><b class="backward">backward</b> has read <span class="from"></span></p>
    <p class="key">A thin mark stands where a bar ended before the word was changed.</p>
  </div>
  <output aria-live="polite"></output>`;

/** How many rows of states differ. */
const moved = (now, old) => now.filter((row, t) => row.some((value, j) => value !== old[t][j])).length;

function render({ model, el }) {
  const figure = frame({ model, el }, {
    name: "merge_explorer", label: "Merge explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all, change } = figure, plot = find(".plot");
  const inputs = () => Object.fromEntries(["position", "changed", "mode"].map(name => [name, model.get(name)]));

  function draw() {
    const { position, changed, mode } = inputs(), said = words(changed);
    const values = compute({ position, changed, mode, vectors: model.get("vectors"), weights: model.get("weights") });
    const merged = values.merged[0].map(value => number(value, 2)), shape = `(1, 5, ${merged.length})`;
    const texts = { mode, shape, half1: "", half2: "" };
    if (mode === "concat") Object.assign(texts, { half1: "forward", half2: "backward" });
    said.forEach((word, t) => { texts[`word${t + 1}`] = word; });
    for (let k = 0; k < 6; k++) texts[`m${k + 1}`] = merged[k] ?? "";
    fill(plot, { position, changed }, texts);
    const drawn = paths(values);
    for (const path of all("[data-path]")) path.setAttribute("d", drawn[path.dataset.path]);
    for (const button of all("[data-preset]")) button.setAttribute("aria-pressed", button.dataset.preset === mode);

    const until = said.slice(0, position).join(" "), from = said.slice(position - 1).reverse().join(" ");
    find(".until").textContent = until;
    find(".from").textContent = from;
    const state = name => values[name][position - 1].map(value => number(value, 2)).join(", ");
    plot.setAttribute("aria-label", `States of both directions. At position ${position}, ${said[position - 1]}: `
      + `forward ${state("forward")}; backward ${state("backward")}; merged by ${mode} ${merged.join(", ")}.`);
    const counts = ["forward", "backward"].map(name => `${moved(values[name], values[`old-${name}`])} ${name}`);
    figure.tell(`Position ${position}, “${said[position - 1]}”: outputs have shape ${shape}.`
      + (changed ? ` The other word moves ${counts.join(" and ")} states.` : ""));
  }

  for (const part of all("[data-position]"))
    part.addEventListener("click", () => change({ position: Number(part.dataset.position) }));
  for (const part of all("[data-change]")) part.addEventListener("click", () => {
    const k = Number(part.dataset.change);
    change({ changed: k === model.get("changed") ? 0 : k });
  });
  return figure.start(draw, inputs());
}

export default { render };
