// The loop of a recurrent network, unrolled step by step. `unroll` is all of its arithmetic; tests hold it
// against coursekit.nn.recurrent.rnn_step. Everything below it shows numbers and makes none.

import { buttons, fill, frame, number, slider } from "./explorer.js";

/** What each step reads ("x1" an input, "y1" the output of step 1, "0" the start), and whether it answers. */
const FORMS = {
  "one to many": [["x1", true], ["y1", true], ["y2", true], ["y3", true]],
  "many to one": [["x1", false], ["x2", false], ["x3", false], ["x4", true]],
  aligned: [["x1", true], ["x2", true], ["x3", true], ["x4", true]],
  "encoder-decoder": [["x1", false], ["x2", false], ["x3", false], ["0", true], ["y4", true], ["y5", true]],
};

/** One input, two units, one output. The decoder writes by a rule of its own. */
const READS = { W: [0.9, -0.6], U: [[0.7, -0.4], [0.5, 0.6]], b: [0.1, -0.1] };
const WRITES = { W: [0.5, 0.8], U: [[0.6, 0.5], [-0.7, 0.4]], b: [0, 0.1] };
const V = [1.1, -0.8], C = 0.1;

const weightsOf = (form, t) => form === "encoder-decoder" && t > 3 ? WRITES : READS;

/** All steps of a form: what each reads, its state before and after, and its output or null. */
export function unroll({ form, ...inputs }) {
  const steps = [];
  let before = [0, 0];
  for (const [k, [reads, says]] of FORMS[form].entries()) {
    const { W, U, b } = weightsOf(form, k + 1);
    const x = reads === "0" ? 0 : reads[0] === "x" ? inputs[reads] : steps[k - 1].y;
    const h = [0, 1].map(j => Math.tanh(W[j] * x + U[j][0] * before[0] + U[j][1] * before[1] + b[j]));
    steps.push({ reads, x, before, h, y: says ? V[0] * h[0] + V[1] * h[1] + C : null });
    before = h;
  }
  return steps;
}

const EXAMPLES = {
  "one to many": "x (N, D) → y (N, T, K): a picture and its caption. Each output is the next input.",
  "many to one": "x (N, T, D) → y (N, K): a review and its verdict. Only the last step answers.",
  aligned: "x (N, T, D) → y (N, T, K): a sentence and the part of speech of each word.",
  "encoder-decoder": "x (N, S, D) → y (N, T, K): a sentence and its translation. The decoder has its own W′, U′, b′.",
};

const SLIDERS = [1, 2, 3, 4].map(t => ({ name: `x${t}`, label: `<i>x</i><sub>${t}</sub>`,
  min: -2, max: 2, by: 0.1, text: value => number(value, 1) }));

const PRESETS = Object.fromEntries(Object.keys(FORMS).map(form =>
  [form, { set: { form, step: 0 }, says: `${form[0].toUpperCase()}${form.slice(1)}, rolled up.` }]));

// ------------------------------------------------------------------------- numbers as a formula

const letter = (name, index) => `<i>${name}</i><sub>${index}</sub>`;
const source = reads => reads === "0" ? "0" : letter(reads[0], reads[1]);
const value = v => v < 0 ? `(${number(v, 2)})` : number(v, 2);
const times = (w, v) => `${w < 0 ? "−" : "+"} ${number(Math.abs(w), 1)} · ${value(v)}`;

/** One unit's new number, written out. */
function unit({ W, U, b }, { x, before, h }, j) {
  const sum = [times(W[j], x), times(U[j][0], before[0]), times(U[j][1], before[1])].join(" ");
  const bias = b[j] === 0 ? "" : ` ${b[j] < 0 ? "−" : "+"} ${number(Math.abs(b[j]), 1)}`;
  return `tanh(${sum.replace(/^\+ /, "").replace(/^− /, "−")}${bias}) = <b>${number(h[j], 2)}</b>`;
}

const row = list => list.map(v => number(v, 1)).join(", ");
const written = ({ W, U, b }, prime) =>
  `<i>W${prime}</i> = (${row(W)}), <i>U${prime}</i> = (${U.map(row).join("; ")}), <i>b${prime}</i> = (${row(b)})`;

// --------------------------------------------------------------------------------- the page

const HTML = id => `
  <div class="controls">
    <div class="buttons" role="group" aria-label="form">
      ${buttons(Object.keys(FORMS))}
      <button type="button" class="main unroll">Unroll</button>
      <button type="button" class="reset">Reset</button>
    </div>
    ${SLIDERS.map(each => slider(id, each)).join("")}
  </div>
  <p class="example"></p>
  <p class="equation" id="${id}"></p>
  <p class="weights"></p>
  <output aria-live="polite"></output>`;

function render({ model, el }) {
  const figure = frame({ model, el }, {
    name: "unroll_explorer", label: "Unroll explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all, change } = figure;
  const net = find(".net"), columns = all(".column"), handles = all("input");
  const inputs = () => Object.fromEntries(["form", ...SLIDERS.map(({ name }) => name)].map(name => [name, model.get(name)]));
  const begin = { ...inputs(), step: model.get("step") };

  function show() {
    const state = inputs(), steps = unroll(state), { form } = state, step = model.get("step");
    const numbers = {}, texts = {};
    for (const [k, column] of columns.entries()) {
      const t = k + 1, { reads = "x", x = 0, h = [0, 0], y = null } = steps[k] ?? {};
      const prime = weightsOf(form, t) === WRITES ? "′" : "";
      Object.assign(numbers, { [`a${t}`]: h[0], [`b${t}`]: h[1] });
      Object.assign(texts, {
        [`x${t}`]: number(x, 2), [`a${t}`]: number(h[0], 2), [`b${t}`]: number(h[1], 2), [`y${t}`]: number(y ?? 0, 2),
        [`source${t}`]: reads === "0" ? "start" : reads[0], [`index${t}`]: reads.slice(1),
        [`W${t}`]: `W${prime}`, [`U${t}`]: `U${prime}`,
      });
      const look = !steps[k] ? "none" : t > step ? "later" : t === step ? "now" : "done";
      Object.assign(column.dataset, { look, reads: reads[0], says: y === null ? "no" : "yes" });
    }
    fill(net, numbers, texts);
    const used = new Set(FORMS[form].map(([reads]) => reads));
    for (const handle of handles) handle.disabled = !used.has(handle.name);
    for (const button of all("[data-preset]")) button.setAttribute("aria-pressed", button.dataset.preset === form);
    find(".example").textContent = EXAMPLES[form];
    find(".weights").innerHTML = `${written(READS, "")}, <i>V</i> = (${row(V)}), <i>c</i> = ${number(C, 1)}`
      + (form === "encoder-decoder" ? `; ${written(WRITES, "′")}` : "");
    const now = steps[step - 1];
    if (!now) {
      find(".equation").innerHTML = "One cell, and a loop. Press <b>Unroll</b>: the first element enters.";
      figure.tell(`Nothing is read yet, ${steps.length} steps are to come.`);
    } else {
      const weights = weightsOf(form, step), prime = weights === WRITES ? "′" : "";
      find(".equation").innerHTML = `${letter("h", step)} = tanh(<i>W${prime}</i> ${source(now.reads)}`
        + ` + <i>U${prime}</i> ${letter("h", step - 1)} + <i>b${prime}</i>)`
        + `<span>${unit(weights, now, 0)}</span><span>${unit(weights, now, 1)}</span>`;
      const said = now.y === null ? "no output" : `output y = ${number(now.y, 2)}`;
      figure.tell(`Step ${step} of ${steps.length} reads ${number(now.x, 2)}: `
        + `h = (${number(now.h[0], 2)}, ${number(now.h[1], 2)}), ${said}.`);
    }
    net.setAttribute("aria-label", `The network as a loop, and unrolled: ${step} of ${steps.length} steps, ${form}.`);
  }

  find(".unroll").addEventListener("click", () => {
    const next = (model.get("step") + 1) % (FORMS[model.get("form")].length + 1);
    change({ step: next }, next ? "" : "Rolled up again.");
  });
  return figure.start(show, begin);
}

export default { render };
