// One unit of an LSTM to play with. `step` is all of its arithmetic; tests hold it against
// coursekit.nn.recurrent.lstm_step. Everything below it shows numbers and makes none.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const sigmoid = a => 1 / (1 + Math.exp(-a));

/** One step. In: what the four layers computed, before their activation, and the old memory c_{t-1}.
    Out: gates f, i, o, candidate g, what is kept and written, new memory c, its tanh, output h. */
export function step({ forget, input, candidate, output, memory }) {
  const f = sigmoid(forget), i = sigmoid(input), g = Math.tanh(candidate), o = sigmoid(output);
  const kept = f * memory, written = i * g, c = kept + written, squashed = Math.tanh(c);
  return { f, i, g, o, kept, written, c, squashed, h: o * squashed };
}

const signed = (name, part, label, limit, by, digits) =>
  ({ name, part, label, min: -limit, max: limit, by, text: value => number(value, digits) });

const SLIDERS = [
  signed("forget", "f", "forget gate <i>a<sub>f</sub></i>", 10, 0.1, 2),
  signed("input", "i", "input gate <i>a<sub>i</sub></i>", 10, 0.1, 2),
  signed("candidate", "g", "candidate <i>a<sub>g</sub></i>", 3, 0.05, 2),
  signed("output", "o", "output gate <i>a<sub>o</sub></i>", 10, 0.1, 2),
  signed("memory", "c", "old memory <i>c<sub>t−1</sub></i>", 3, 0.05, 3),
];

const PRESETS = {
  Copy: { set: { forget: 10, input: -10, output: 10 },
    says: "Forget gate open, input gate shut: the memory stays." },
  Erase: { set: { forget: -10, input: -10, output: 10 },
    says: "Forget gate and input gate shut: the memory becomes 0." },
  Write: { set: { forget: -10, input: 10, output: 10 },
    says: "Forget gate shut, input gate open: the candidate replaces the memory." },
  Hide: { set: { forget: 10, input: -10, output: -10 },
    says: "Output gate shut: the memory stays, and h is 0." },
};

// ------------------------------------------------------------------------ the equation of each part

const layer = k => `(W<sub>${k}</sub> [h<sub>t−1</sub>, x<sub>t</sub>] + b<sub>${k}</sub>)`;

const PARTS = {
  f: { name: "Forget gate", means: "the share of the old memory that is kept",
    equation: v => `f<sub>t</sub> = σ${layer("f")} = σ(${number(v.forget, 2)}) = ${number(v.f)}` },
  i: { name: "Input gate", means: "the share of the candidate that is written",
    equation: v => `i<sub>t</sub> = σ${layer("i")} = σ(${number(v.input, 2)}) = ${number(v.i)}` },
  g: { name: "Candidate", means: "the content that may be written",
    equation: v => `g<sub>t</sub> = tanh${layer("g")} = tanh(${number(v.candidate, 2)}) = ${number(v.g)}` },
  o: { name: "Output gate", means: "the share of the memory that is shown",
    equation: v => `o<sub>t</sub> = σ${layer("o")} = σ(${number(v.output, 2)}) = ${number(v.o)}` },
  c: { name: "New memory", means: "what is kept plus what is written",
    equation: v => `c<sub>t</sub> = f<sub>t</sub> c<sub>t−1</sub> + i<sub>t</sub> g<sub>t</sub>`
      + ` = ${number(v.kept)} + ${number(v.written)} = ${number(v.c)}` },
  h: { name: "Output", means: "what the next layer and the next step see",
    equation: v => `h<sub>t</sub> = o<sub>t</sub> tanh(c<sub>t</sub>)`
      + ` = ${number(v.o)} × ${number(v.squashed)} = ${number(v.h)}` },
};

const plain = html => html.replaceAll("<sub>", "_").replaceAll("</sub>", "");

// ------------------------------------------------------------- memory and output, step after step

const CHART = { width: 480, height: 110, left: 40, right: 10, top: 10, bottom: 26, steps: 20 };

/** The inside of the strip chart: `history` holds [c, h] per step (no h at step 0), `next` one step more. */
function strip(history, next) {
  const { width, height, left, right, top, bottom, steps } = CHART;
  const last = history.length - 1, first = Math.max(0, last + 1 - steps);
  const peak = Math.ceil(Math.max(1, Math.abs(next.c), ...history.slice(first).map(([c]) => Math.abs(c))));
  const x = t => (left + (width - left - right) * (t - first) / steps).toFixed(1);
  const y = v => (top + (height - top - bottom) * (1 - v / peak) / 2).toFixed(1);

  const rows = history.map(([c, h], t) => ({ t, c, h })).slice(first);
  const at = ([t, value]) => `${x(t)},${y(value)}`;
  const path = (name, points) => `<polyline class="${name}" points="${points.map(at).join(" ")}"/>`;
  const outputs = rows.filter(row => row.h !== null);
  return [
    ...[peak, 0, -peak].map(v => `<path class="rule" d="M${left} ${y(v)} H${width - right}"/>`
      + `<text class="end" x="${left - 8}" y="${y(v)}" dy="4">${number(v, 0)}</text>`),
    ...[0, 5, 10, 15, 20].map(t =>
      `<text x="${x(first + t)}" y="${height - 6}">${t ? "" : "step "}${first + t}</text>`),
    path("h", outputs.map(({ t, h }) => [t, h])),
    path("c", rows.map(({ t, c }) => [t, c])),
    path("next", [[last, history[last][0]], [last + 1, next.c]]),
    ...outputs.map(({ t, h }) => `<path class="h" d="M${x(t)} ${y(h)} m-3.2 -3.2 h6.4 v6.4 h-6.4 z"/>`),
    ...rows.map(({ t, c }) => `<circle class="c" cx="${x(t)}" cy="${y(c)}" r="3.4"/>`),
    `<circle class="next" cx="${x(last + 1)}" cy="${y(next.c)}" r="3.4"/>`,
  ].join("");
}

// --------------------------------------------------------------------------------- the page

const HTML = id => `
  <p class="equation" id="${id}"></p>
  <div class="controls">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons">
      ${buttons(Object.keys(PRESETS))}
      <button type="button" class="main step">Step</button>
      <button type="button" class="reset">Reset</button>
    </div>
  </div>
  <output aria-live="polite"></output>
  <div class="history">
    <svg class="strip" viewBox="0 0 ${CHART.width} ${CHART.height}" role="img"></svg>
    <p class="key">
      <span class="c">memory c</span> <span class="h">output h</span> <span>after one more step</span>
    </p>
  </div>`;

function render({ model, el }) {
  const start = memory => ({ memory, history: [[memory, null]] });
  const figure = frame({ model, el }, {
    name: "gate_explorer", label: "LSTM gate explorer",
    html: HTML, sliders: SLIDERS, presets: PRESETS, sets: { memory: start },
  });
  const { find, all, change } = figure;
  const cell = find(".cell"), parts = all(".part");
  const inputs = () => Object.fromEntries(SLIDERS.map(({ name }) => [name, model.get(name)]));
  const begin = inputs();
  const pointed = figure.pointing(parts); // the part whose equation is asked for

  function draw() {
    const state = inputs(), values = { ...state, ...step(state) }, history = model.get("history");
    fill(cell, values, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, number(value)])));
    for (const part of parts) {
      const { name, means, equation } = PARTS[part.dataset.part];
      part.setAttribute("aria-label", `${name}, ${means}: ${plain(equation(values))}`);
      part.classList.toggle("lit", part.dataset.part === pointed());
    }
    const { name, means, equation } = PARTS[pointed() ?? "c"];
    const set = equation(values).replace(/(\w)<sub>/g, "<i>$1</i><sub>");
    find(".equation").innerHTML = `<b>${name}</b>: ${means}<br>${set}`;
    figure.tell(`The next memory is c = ${number(values.c)}, the output h = ${number(values.h)}.`);
    const memories = history.map(([c]) => number(c)).join(", ");
    find(".strip").innerHTML = strip(history, values);
    find(".strip").setAttribute("aria-label", `Memory after each step: ${memories}`);
  }

  cell.setAttribute("role", "group");
  cell.setAttribute("aria-label", "LSTM cell");
  find(".step").addEventListener("click", () => {
    const { c, h } = step(inputs()), history = [...model.get("history"), [c, h]];
    change({ memory: c, history }, `Step ${history.length - 1}: the new memory is now the old one.`);
  });
  return figure.start(draw, { ...begin, ...start(begin.memory) });
}

export default { render };
