// What is left of an error on its way back through time. `measure` is all of the arithmetic; tests hold it
// against coursekit.nn.gradients. Everything below it shows numbers.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const ACTIVATIONS = { // the value, and the slope read off the value
  linear: [a => a, () => 1],
  tanh: [Math.tanh, h => 1 - h * h],
  relu: [a => Math.max(a, 0), h => Number(h > 0)],
};

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = v => Math.sqrt(dot(v, v));

/** Forward along the inputs, then back with the error: its length after each step, `norms`; the largest
    singular value `sigma`, and after the last step its power `bound` and that of the radius, `power`. */
export function measure({ weights, stretch, inputs, error, start, activation, radius, drive }) {
  const [phi, slope] = ACTIVATIONS[activation], steps = inputs.length;
  const weight = weights[start].map(row => row.map(entry => radius * entry));
  const columns = weight[0].map((_, j) => weight.map(row => row[j]));
  const states = [];
  let h = error.map(() => 0);
  for (const x of inputs) states.push(h = weight.map((row, i) => phi(dot(row, h) + drive * x[i])));
  const norms = [norm(error)];
  for (const state of states.reverse()) {
    const inner = error.map((value, i) => value * slope(state[i]));
    error = columns.map(column => dot(column, inner));
    norms.push(norm(error));
  }
  const sigma = radius * stretch[start];
  return { norms, sigma, bound: sigma ** steps, power: radius ** steps };
}

// ------------------------------------------------------------- the picture, as gradient_explorer.py draws it

const LEFT = 62, STEP = 8.2, ONE = 120, DECADE = 10, LOWEST = 1e-20;

export const height = value => ONE - DECADE * Math.log10(Math.max(value, LOWEST));

/** The measured curve as an SVG path. */
export const path = norms =>
  `M${norms.map((value, k) => `${(LEFT + STEP * k).toFixed(1)} ${height(value).toFixed(2)}`).join("L")}`;

/** The powers of `base`: a straight line, since the axis is logarithmic. */
export const line = (base, steps) =>
  `M${LEFT.toFixed(1)} ${ONE.toFixed(2)}L${(LEFT + STEP * steps).toFixed(1)} ${(ONE - steps * DECADE * Math.log10(base)).toFixed(2)}`;

/** Two digits and a power of ten, or two decimals where that is enough. */
export function short(value) {
  const [mantissa, exponent] = value.toExponential(1).split("e");
  if (value === 0) return "0";
  if (Math.abs(exponent) <= 1) return number(value, 2);
  return `${mantissa}·10${String(Number(exponent)).replace(/./g, sign => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)])}`;
}

// --------------------------------------------------------------------------------- the page

const SLIDERS = [
  { name: "radius", label: "spectral radius <i>ρ</i>", min: 0.5, max: 1.5, by: 0.05, text: value => number(value, 2) },
  { name: "drive", label: "size of the inputs <i>s</i>", min: 0, max: 2, by: 0.1, text: value => number(value, 1) },
];

const STARTS = {
  normal: "Normal numbers: its largest singular value is far above its radius.",
  orthogonal: "A rotation times the radius: no direction is stretched more than another.",
  identity: "Every unit keeps to itself.",
};
const PHI = {
  linear: ["linear", "No activation: the inputs do not matter."],
  tanh: ["tanh", "Tanh: its slope is 1 at 0 and falls to 0 for large states."],
  ReLU: ["relu", "ReLU: a slope is 1 or 0."],
};

const PRESETS = Object.fromEntries([
  ...Object.entries(STARTS).map(([start, says]) => [start, { set: { start }, says }]),
  ...Object.entries(PHI).map(([name, [activation, says]]) => [name, { set: { activation }, says }]),
]);

const HTML = id => `
  <div class="controls" id="${id}">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <p id="${id}-start">start of <i>U</i></p>
    <div class="buttons" role="group" aria-labelledby="${id}-start">${buttons(Object.keys(STARTS))}</div>
    <p id="${id}-phi">activation <i>φ</i></p>
    <div class="buttons" role="group" aria-labelledby="${id}-phi">${buttons(Object.keys(PHI))}</div>
    <button type="button" class="reset">Reset</button>
  </div>
  <output aria-live="polite"></output>`;

const NAMES = ["radius", "drive", "start", "activation"];
const DRAWN = ["weights", "stretch", "inputs", "error"];

function render({ model, el }) {
  const read = names => Object.fromEntries(names.map(name => [name, model.get(name)]));
  const figure = frame({ model, el }, {
    name: "gradient_explorer", label: "Gradient explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all } = figure, plot = find(".plot");

  function draw() {
    const state = read(NAMES), { norms, sigma, bound, power } = measure({ ...state, ...read(DRAWN) });
    const steps = norms.length - 1, left = short(norms[steps]);
    const texts = { left, power: short(power), bound: short(bound), sigma: number(sigma, 2), radius: number(state.radius, 2) };
    fill(plot, {}, texts);
    const paths = { measured: path(norms), radius: line(state.radius, steps), bound: line(sigma, steps) };
    for (const each of all("[data-path]")) each.setAttribute("d", paths[each.dataset.path]);
    for (const button of all("[data-preset]")) {
      const [[name, value]] = Object.entries(PRESETS[button.dataset.preset].set);
      button.setAttribute("aria-pressed", state[name] === value);
    }
    plot.setAttribute("aria-label", `Error left after ${steps} steps: ${left}, `
      + `between 1 at the start and a bound of ${texts.bound} at the end.`);
    figure.tell(`After ${steps} steps ${left} of the error is left; ρ to that power is ${texts.power}, the bound ${texts.bound}.`);
  }

  return figure.start(draw, read(NAMES));
}

export default { render };
