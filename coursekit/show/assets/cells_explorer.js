// One unit of a plain RNN, of an LSTM and of a GRU on the same pulses. `weights`, `run`, `lasting` and `count`
// are all of the arithmetic; tests hold them against coursekit.nn.recurrent. Everything below shows numbers.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const STEPS = 16, LEVELS = [0, 0.2, 1];
const HALF = 0.5 + 1e-9; // so that exactly one half counts in spite of rounding
const sigmoid = a => 1 / (1 + Math.exp(-a));

/** The weights of each cell for one unit that reads one number, its blocks in PyTorch's order. */
export function weights({ keep, recurrent }) {
  return {
    rnn: { ih: [1], hh: [recurrent], bias: [0] },
    lstm: { ih: [10, 0, 2, 0], hh: [0, 0, 0, 0], bias: [-5, keep, 0, 3] }, // i, f, g, o
    gru: { ih: [0, -8, 2], hh: [0, 0, 0.5], bias: [0, keep, 0] }, // r, z, n
  };
}

/** The states after each step: h of each cell under its name, the LSTM's c under `memory`. */
export function run({ rnn, lstm, gru }, inputs) {
  const states = { rnn: [], lstm: [], memory: [], gru: [] };
  const inside = (cell, x, h) => cell.bias.map((b, k) => cell.ih[k] * x + cell.hh[k] * h + b);
  let a = 0, h = 0, c = 0, s = 0; // the plain network's state, the LSTM's two, the GRU's
  for (const x of inputs) {
    a = Math.tanh(inside(rnn, x, a)[0]);
    const [i, f, g, o] = inside(lstm, x, h);
    c = sigmoid(f) * c + sigmoid(i) * Math.tanh(g);
    h = sigmoid(o) * Math.tanh(c);
    const [r, z] = inside(gru, x, s).map(sigmoid);
    const n = Math.tanh(gru.ih[2] * x + gru.bias[2] + r * gru.hh[2] * s);
    s = z * s + (1 - z) * n;
    states.rnn.push(a); states.lstm.push(h); states.memory.push(c); states.gru.push(s);
  }
  return states;
}

/** How many steps after the first pulse half of its trace is gone (null: not before the end). The trace is the
    difference to the same sequence without that pulse. Null altogether where there is no pulse. */
export function lasting(cells, inputs) {
  const first = inputs.findIndex(x => x !== 0);
  if (first < 0) return null;
  const withIt = run(cells, inputs), without = run(cells, inputs.with(first, 0));
  const half = name => {
    const left = withIt[name].map((value, t) => Math.abs(value - without[name][t])).slice(first);
    const steps = left.findIndex(size => size <= HALF * left[0]);
    return steps < 0 ? null : steps;
  };
  return { rnn: half("rnn"), lstm: half("memory"), gru: half("gru") };
}

/** Parameters of each cell with D inputs and H units; the GRU with two biases, the others with one. */
export function count([D, H]) {
  return { rnn: H * (D + H + 1), lstm: 4 * H * (D + H + 1), gru: 3 * H * (D + H + 2) };
}

/** Points of each curve, x in steps and y as a share of its panel's height; bars of the inputs. */
export function curves(states, inputs) {
  const peak = Math.max(1, Math.ceil(Math.max(...states.memory))); // the LSTM's memory can count beyond 1
  const paths = { peak };
  for (const [name, values] of Object.entries(states)) {
    const top = ["memory", "lstm"].includes(name) ? peak : 1;
    const points = values.map((value, t) => `${t + 0.5} ${(value / top).toFixed(4)}`);
    paths[name] = `M${points.join("L")}`;
    if (name !== "lstm") paths[`${name}_dots`] = points.map(point => `M${point}h0`).join(""); // its h is drawn dashed
  }
  paths.inputs = inputs.map((x, t) => x ? `M${t + 0.5} 0V${x}` : "").join("");
  return paths;
}

// --------------------------------------------------------------------------------- the page

const SLIDERS = [
  { name: "keep", label: "bias of the gates that keep, <i>k</i>", min: 0, max: 6, by: 0.1, text: value => number(value, 1) },
  { name: "recurrent", label: "plain RNN’s own weight <i>u</i>", min: 0, max: 1.5, by: 0.05,
    text: value => number(value, 2) },
];

const pulses = levels => Array.from({ length: STEPS }, (_, t) => levels[t + 1] ?? 0);
const weak = Object.fromEntries(Array.from({ length: 12 }, (_, t) => [t + 5, 0.2]));
const PRESETS = {
  "One pulse": { set: { inputs: pulses({ 3: 1 }) }, says: "One full pulse, then silence." },
  "Three pulses": { set: { inputs: pulses({ 3: 1, 7: 1, 11: 1 }) }, says: "Three full pulses: who counts them?" },
  "Then noise": { set: { inputs: pulses({ 3: 1, ...weak }) }, says: "One full pulse, then a weak one at every step." },
  Silence: { set: { inputs: pulses({}) }, says: "No pulse: write your own." },
};

const NAMES = { rnn: "plain RNN", lstm: "LSTM", gru: "GRU" };
const EQUATIONS = {
  rnn: v => `h<sub>t</sub> = tanh(x<sub>t</sub> + ${number(v.recurrent, 2)} h<sub>t−1</sub>)`,
  lstm: v => `i<sub>t</sub> = σ(10 x<sub>t</sub> − 5), f<sub>t</sub> = σ(${number(v.keep, 1)}) = ${number(sigmoid(v.keep))},`
    + ` g<sub>t</sub> = tanh(2 x<sub>t</sub>), o<sub>t</sub> = σ(3)`,
  gru: v => `z<sub>t</sub> = σ(${number(v.keep, 1)} − 8 x<sub>t</sub>), r<sub>t</sub> = σ(0),`
    + ` n<sub>t</sub> = tanh(2 x<sub>t</sub> + ½ r<sub>t</sub> h<sub>t−1</sub>)`,
};
const WORDS = new Map([[0, "no pulse"], [0.2, "weak pulse"], [1, "full pulse"]]);

const HTML = id => `
  <div class="steps" role="group" aria-label="input: each button goes from no pulse to a full one to a weak one">
    ${Array.from({ length: STEPS }, (_, t) => `<button type="button" data-step="${t}">${t + 1}</button>`).join("")}
  </div>
  <div class="controls" id="${id}">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons">
      ${buttons(Object.keys(PRESETS))}
      <button type="button" class="reset">Reset</button>
    </div>
    <table>
      <thead><tr><th scope="col">cell</th><th scope="col">half gone after</th>
        <th scope="col">para&shy;meters</th><th scope="col">64 in, 128 units</th></tr></thead>
      <tbody>${Object.entries(NAMES).map(([name, words]) => `<tr><th scope="row">${words.split(" ").at(-1)}</th><td data-half="${name}"></td>
        <td>${count([1, 1])[name]}</td><td>${count([64, 128])[name].toLocaleString("en-US")}</td></tr>`).join("")}</tbody>
    </table>
  </div>
  <output aria-live="polite"></output>
  <div class="equations">${Object.keys(NAMES).map(name => `<p data-equation="${name}"></p>`).join("")}</div>`;

function render({ model, el }) {
  const figure = frame({ model, el }, {
    name: "cells_explorer", label: "Cells explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all, change } = figure, plot = find(".plot");
  const settings = () => ({ keep: model.get("keep"), recurrent: model.get("recurrent") });

  function draw() {
    const inputs = model.get("inputs"), state = settings(), cells = weights(state), half = lasting(cells, inputs);
    const states = run(cells, inputs), paths = curves(states, inputs);
    for (const path of all("[data-path]")) path.setAttribute("d", paths[path.dataset.path]);
    fill(plot, {}, paths);
    for (const [name, write] of Object.entries(EQUATIONS))
      find(`[data-equation=${name}]`).innerHTML = `<b>${NAMES[name]}</b> `
        + write(state).replace(/(\w)<sub>/g, "<i>$1</i><sub>");
    for (const [t, button] of all("[data-step]").entries()) {
      button.dataset.level = WORDS.get(inputs[t]).split(" ")[0];
      button.setAttribute("aria-label", `step ${t + 1}: ${WORDS.get(inputs[t])}`);
    }
    const steps = name => half[name] === null ? `over ${STEPS - 1 - inputs.findIndex(x => x)}` : String(half[name]);
    for (const cell of all("[data-half]")) cell.textContent = half ? steps(cell.dataset.half) : "–";
    const said = Object.entries(NAMES).map(([name, words]) => half && `${words} ${steps(name)}`);
    figure.tell(half ? `Steps until half of the first pulse is gone: ${said.join(", ")}.` : "Nothing to remember.");
    const ends = { rnn: states.rnn, lstm: states.memory, gru: states.gru };
    plot.setAttribute("aria-label", `States of the three cells over ${STEPS} steps; after the last: `
      + Object.entries(ends).map(([name, values]) => `${NAMES[name]} ${number(values.at(-1), 2)}`).join(", "));
  }

  for (const button of all("[data-step]"))
    button.addEventListener("click", () => {
      const t = Number(button.dataset.step), inputs = [...model.get("inputs")];
      inputs[t] = LEVELS.at(LEVELS.indexOf(inputs[t]) - 1); // 0, 1, 0.2, and 0 again
      change({ inputs }, `Step ${t + 1}: ${WORDS.get(inputs[t])}.`);
    });
  return figure.start(draw, { ...settings(), inputs: model.get("inputs") });
}

export default { render };
