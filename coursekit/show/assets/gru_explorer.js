// One unit of a GRU to play with. `step` is all of its arithmetic; tests hold it against
// coursekit.nn.recurrent.gru_step. Everything below it shows numbers and makes none.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const sigmoid = a => 1 / (1 + Math.exp(-a));

/** One step. In: what the gates computed before their sigmoid, the input's part of the candidate, the weight
    and the bias of the state's part, the old state h_{t-1}, and where the reset gate acts ("after" the
    product or "before" it). Out: gates r and z, 1 - z (`rest`), what the first and the second of product and
    reset gate make of the old state (`inner`, `recalled`), candidate n, what is kept and written, new state h. */
export function step({ reset, update, input, weight, bias, memory, variant }) {
  const r = sigmoid(reset), z = sigmoid(update), rest = 1 - z;
  const inner = variant === "after" ? weight * memory + bias : r * memory;
  const recalled = variant === "after" ? r * inner : weight * inner + bias;
  const n = Math.tanh(input + recalled), kept = z * memory, written = rest * n;
  return { r, z, rest, inner, recalled, n, kept, written, h: kept + written };
}

const signed = (name, part, label, limit, by, digits) =>
  ({ name, part, label, min: -limit, max: limit, by, text: value => number(value, digits) });

const SLIDERS = [
  signed("reset", "r", "reset gate <i>a<sub>r</sub></i>", 10, 0.1, 2),
  signed("update", "z", "update gate <i>a<sub>z</sub></i>", 10, 0.1, 2),
  signed("input", "n", "input <i>a<sub>n</sub></i>", 3, 0.05, 2),
  signed("weight", "n", "weight <i>u</i>", 3, 0.05, 2),
  signed("bias", "n", "bias <i>b′</i>", 3, 0.05, 2),
  signed("memory", "h", "old state <i>h<sub>t−1</sub></i>", 1, 0.05, 3),
];

const PRESETS = {
  Copy: { set: { update: 10 }, says: "Update gate open: the old state stays, whatever the candidate is." },
  Erase: { set: { reset: -10, update: -10, input: 0, bias: 0 },
    says: "Both gates shut and no input: the state becomes 0." },
  Write: { set: { reset: -10, update: -10, input: 2, bias: 0 },
    says: "Both gates shut: the input alone makes the new state." },
  Mix: { set: { update: 0 }, says: "Update gate half open: the new state is halfway to the candidate." },
  Flip: { set: { reset: 10, update: -10, input: 0, weight: -3, bias: 0 },
    says: "Update gate shut, reset gate open, a negative weight: the state changes its sign at every step." },
  after: { set: { variant: "after" }, says: "The reset gate acts after the product." },
  before: { set: { variant: "before" }, says: "The reset gate acts before the product." },
};
const VARIANTS = { after: "reset after the product", before: "reset before it" };

// ------------------------------------------------------------------------ the equation of each part

const layer = k => `(W<sub>${k}</sub> x<sub>t</sub> + U<sub>${k}</sub> h<sub>t−1</sub> + b<sub>${k}</sub>)`;
const candidate = {
  after: v => `a<sub>n</sub> + r<sub>t</sub> (u h<sub>t−1</sub> + b′)) = tanh(${number(v.input)} + ${number(v.r)} × ${number(v.inner)})`,
  before: v => `a<sub>n</sub> + u (r<sub>t</sub> h<sub>t−1</sub>) + b′) = tanh(${number(v.input)} + ${number(v.recalled)})`,
};

const PARTS = {
  r: { name: "Reset gate", means: "how much of the past enters the candidate",
    equation: v => `r<sub>t</sub> = σ${layer("r")} = σ(${number(v.reset, 2)}) = ${number(v.r)}` },
  z: { name: "Update gate", means: "the share of the old state that is kept",
    equation: v => `z<sub>t</sub> = σ${layer("z")} = σ(${number(v.update, 2)}) = ${number(v.z)}` },
  n: { name: "Candidate", means: "the content that may be written",
    equation: v => `n<sub>t</sub> = tanh(${candidate[v.variant](v)} = ${number(v.n)}` },
  h: { name: "New state", means: "a weighted mean of the old one and the candidate",
    equation: v => `h<sub>t</sub> = z<sub>t</sub> h<sub>t−1</sub> + (1 − z<sub>t</sub>) n<sub>t</sub>`
      + ` = ${number(v.kept)} + ${number(v.written)} = ${number(v.h)}` },
};

const plain = html => html.replaceAll("<sub>", "_").replaceAll("</sub>", "");

// ------------------------------------------------------------------------- the state, step after step

const CHART = { width: 480, height: 110, left: 40, right: 10, top: 10, bottom: 26, steps: 20 };

/** The inside of the strip chart: `states` up to the present one, and `next`, one step more. */
function strip(states, next) {
  const { width, height, left, right, top, bottom, steps } = CHART;
  const last = states.length - 1, first = Math.max(0, last + 1 - steps);
  const x = t => (left + (width - left - right) * (t - first) / steps).toFixed(1);
  const y = v => (top + (height - top - bottom) * (1 - v) / 2).toFixed(1);
  const rows = states.map((h, t) => [t, h]).slice(first);
  const path = (name, points) =>
    `<polyline class="${name}" points="${points.map(([t, h]) => `${x(t)},${y(h)}`).join(" ")}"/>`;
  return [
    ...[1, 0, -1].map(v => `<path class="rule" d="M${left} ${y(v)} H${width - right}"/>`
      + `<text class="end" x="${left - 8}" y="${y(v)}" dy="4">${number(v, 0)}</text>`),
    ...[0, 5, 10, 15, 20].map(t =>
      `<text x="${x(first + t)}" y="${height - 6}">${t ? "" : "step "}${first + t}</text>`),
    path("h", rows),
    path("next", [[last, states[last]], [last + 1, next]]),
    ...rows.map(([t, h]) => `<circle class="h" cx="${x(t)}" cy="${y(h)}" r="3.4"/>`),
    `<circle class="next" cx="${x(last + 1)}" cy="${y(next)}" r="3.4"/>`,
  ].join("");
}

// --------------------------------------------------------------------------------- the page

const HTML = id => `
  <p class="equation" id="${id}"></p>
  <div class="controls">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons variants" role="group" aria-label="where the reset gate acts">
      ${Object.entries(VARIANTS).map(([name, words]) =>
        `<button type="button" data-preset="${name}">${words}</button>`).join("")}
    </div>
    <div class="buttons">
      ${buttons(Object.keys(PRESETS).filter(name => !(name in VARIANTS)))}
      <button type="button" class="main step">Step</button>
      <button type="button" class="reset">Reset</button>
    </div>
  </div>
  <output aria-live="polite"></output>
  <div class="history">
    <svg class="strip" viewBox="0 0 ${CHART.width} ${CHART.height}" role="img"></svg>
    <p class="key"><span class="h">state h</span> <span>after one more step</span></p>
  </div>`;

function render({ model, el }) {
  const start = memory => ({ memory, past: [] });
  const figure = frame({ model, el }, {
    name: "gru_explorer", label: "GRU explorer",
    html: HTML, sliders: SLIDERS, presets: PRESETS, sets: { memory: start },
  });
  const { find, all, change } = figure;
  const cell = find(".cell"), parts = all(".part");
  const inputs = () =>
    Object.fromEntries([...SLIDERS.map(({ name }) => name), "variant"].map(name => [name, model.get(name)]));
  const begin = inputs();
  const pointed = figure.pointing(parts); // the part whose equation is asked for

  function draw() {
    const state = inputs(), { variant } = state, values = { ...state, ...step(state) };
    const numbers = Object.entries(values).filter(([name]) => name !== "variant");
    fill(cell, { ...Object.fromEntries(numbers), after: +(variant === "after"), before: +(variant === "before") },
      Object.fromEntries(numbers.map(([name, value]) => [name, number(value)])));
    for (const part of parts) {
      const { name, means, equation } = PARTS[part.dataset.part];
      part.setAttribute("aria-label", `${name}, ${means}: ${plain(equation(values))}`);
      part.classList.toggle("lit", part.dataset.part === pointed());
    }
    for (const name of Object.keys(VARIANTS))
      find(`[data-preset=${name}]`).setAttribute("aria-pressed", name === variant);
    const { name, means, equation } = PARTS[pointed() ?? "h"];
    const set = equation(values).replace(/(\w)<sub>/g, "<i>$1</i><sub>");
    find(".equation").innerHTML = `<b>${name}</b>: ${means}<br>${set}`;
    const other = variant === "after" ? "before" : "after", { h } = step({ ...state, variant: other });
    figure.tell(`The next state is h = ${number(values.h)};`
      + ` with the reset gate ${other} the product it would be ${number(h)}.`);
    const states = [...model.get("past"), state.memory];
    find(".strip").innerHTML = strip(states, values.h);
    find(".strip").setAttribute("aria-label", `State after each step: ${states.map(h => number(h)).join(", ")}`);
  }

  cell.setAttribute("role", "group");
  cell.setAttribute("aria-label", "GRU cell");
  find(".step").addEventListener("click", () => {
    const state = inputs(), past = [...model.get("past"), state.memory];
    change({ memory: step(state).h, past }, `Step ${past.length}: the new state is now the old one.`);
  });
  return figure.start(draw, { ...begin, ...start(begin.memory) });
}

export default { render };
