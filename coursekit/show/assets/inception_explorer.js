// What the branches of an Inception module cost. `count` is all of the arithmetic; tests hold it against the
// modules of coursekit.nn.convolutional. Everything below it shows numbers.

import { buttons, fill, frame, number, slider } from "./explorer.js";

const BRANCHES = ["1", "3", "5", "pool"];
const sum = values => values.reduce((total, value) => total + value, 0);

/** Parameters and multiply-adds of each branch ("1", "3", "5", "pool") and of "all", with the reductions and
    (naive...) without; of the parameters, how many reduce; and the channels of the two results. */
export function count({ in_channels: x, c1, r3, c3, r5, c5, pool, side }) {
  const layers = { // [channels in, channels out, kernel size]
    1: [[x, c1, 1]], 3: [[x, r3, 1], [r3, c3, 3]], 5: [[x, r5, 1], [r5, c5, 5]], pool: [[x, pool, 1]],
  };
  const naive = { 1: [[x, c1, 1]], 3: [[x, c3, 3]], 5: [[x, c5, 5]], pool: [] };
  const counts = { channels: c1 + c3 + c5 + pool, naiveChannels: c1 + c3 + c5 + x };
  const add = (kind, branches, price) => {
    for (const name of BRANCHES) counts[kind + name] = sum(branches[name].map(price));
    counts[`${kind}all`] = sum(BRANCHES.map(name => counts[kind + name]));
  };
  const parameters = ([c, o, k]) => o * (c * k * k + 1), multiplyAdds = ([c, o, k]) => side * side * o * c * k * k;
  add("parameters", layers, parameters);
  add("naiveParameters", naive, parameters);
  add("multiplyAdds", layers, multiplyAdds);
  add("naiveMultiplyAdds", naive, multiplyAdds);
  return { ...counts, reduce3: r3 * (x + 1), reduce5: r5 * (x + 1) };
}

/** The nine modules of GoogLeNet on an image of 224 x 224. */
export const MODULES = Object.fromEntries([
  ["3a", 192, 64, 96, 128, 16, 32, 32, 28],
  ["3b", 256, 128, 128, 192, 32, 96, 64, 28],
  ["4a", 480, 192, 96, 208, 16, 48, 64, 14],
  ["4b", 512, 160, 112, 224, 24, 64, 64, 14],
  ["4c", 512, 128, 128, 256, 24, 64, 64, 14],
  ["4d", 512, 112, 144, 288, 32, 64, 64, 14],
  ["4e", 528, 256, 160, 320, 32, 128, 128, 14],
  ["5a", 832, 256, 160, 320, 32, 128, 128, 7],
  ["5b", 832, 384, 192, 384, 48, 128, 128, 7],
].map(([name, in_channels, c1, r3, c3, r5, c5, pool, side]) =>
  [name, { in_channels, c1, r3, c3, r5, c5, pool, side }]));

/** Lengths for the picture: wires by their channels, bars by their parameters, the result by its parts. */
export function shares(state, counts) {
  const wires = Object.keys(state).filter(name => name !== "side");
  const widest = Math.max(...wires.map(name => state[name]));
  const bars = Object.keys(counts).filter(name => /^(parameters|naiveParameters|reduce)/.test(name) && !name.endsWith("all"));
  const longest = Math.max(...bars.map(name => counts[name]));
  const found = Object.fromEntries([
    ...wires.map(name => [name, state[name] / widest]), ...bars.map(name => [name, counts[name] / longest]),
  ]);
  let start = 0;
  for (const name of ["c1", "c3", "c5", "pool"]) {
    Object.assign(found, { [`${name}-start`]: start / counts.channels, [`${name}-share`]: state[name] / counts.channels });
    start += state[name];
  }
  return found;
}

/** A large count as it stands beside a bar: in millions, or in thousands of them. */
export function big(value) {
  if (value >= 1e9) return `${number(value / 1e9, 2)} G`;
  return value ? `${number(value / 1e6, 1)} M` : "0";
}

const exact = value => value.toLocaleString("en-US");

// --------------------------------------------------------------------------------- the page

const SLIDERS = [
  { name: "in_channels", label: "channels in", min: 8, max: 1024, by: 8 },
  { name: "side", label: "height, width", min: 7, max: 56, by: 7 },
  { name: "r3", label: "reduce 3×3", min: 8, max: 256, by: 8 },
  { name: "c3", label: "3×3", min: 8, max: 512, by: 8 },
  { name: "r5", label: "reduce 5×5", min: 8, max: 128, by: 8 },
  { name: "c5", label: "5×5", min: 8, max: 256, by: 8 },
  { name: "c1", label: "1×1", min: 8, max: 512, by: 8 },
  { name: "pool", label: "after pool", min: 8, max: 256, by: 8 },
];

const PRESETS = Object.fromEntries(Object.entries(MODULES).map(([name, set]) =>
  [name, { set, says: `Module ${name} of GoogLeNet.` }]));

const ROWS = [["1", "one", "1×1"], ["3", "three", "3×3"], ["5", "five", "5×5"], ["pool", "pool", "pool"], ["all", "sum", "all four"]];

const HTML = id => `
  <div class="controls" id="${id}">
    <div class="buttons" role="group" aria-label="GoogLeNet’s modules">
      <p>GoogLeNet’s modules</p>
      ${buttons(Object.keys(MODULES))}
      <button type="button" class="reset">Reset</button>
    </div>
    ${SLIDERS.map(each => slider(id, each)).join("")}
  </div>
  <output aria-live="polite"></output>
  <table>
    <thead><tr><th scope="col">branch</th><th scope="col">parameters</th><th scope="col">multiply-adds</th></tr></thead>
    <tbody>${ROWS.map(([name, kind, words]) => `<tr class="${kind}"><th scope="row">${words}</th>
      <td data-count="parameters${name}"></td><td data-count="multiplyAdds${name}"></td></tr>`).join("")}
      <tr class="naive"><th scope="row">naive module</th>
        <td data-count="naiveParametersall"></td><td data-count="naiveMultiplyAddsall"></td></tr></tbody>
  </table>`;

function render({ model, el }) {
  const figure = frame({ model, el }, {
    name: "inception_explorer", label: "Inception explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all } = figure, module = find(".module");
  const inputs = () => Object.fromEntries(SLIDERS.map(({ name }) => [name, model.get(name)]));

  function show() {
    const state = inputs(), counts = count(state);
    const write = name => /arameters/.test(name) ? exact : /ultiplyAdds/.test(name) ? big : String;
    const texts = Object.fromEntries(Object.entries({ ...state, ...counts }).map(([name, value]) => [name, write(name)(value)]));
    fill(module, shares(state, counts), texts);
    for (const cell of all("[data-count]")) cell.textContent = exact(counts[cell.dataset.count]);
    for (const button of all("[data-preset]")) {
      const set = MODULES[button.dataset.preset];
      button.setAttribute("aria-pressed", Object.keys(set).every(name => set[name] === state[name]));
    }
    const { parametersall: ours, naiveParametersall: naive, channels, naiveChannels } = counts;
    const times = naive > ours ? `${number(naive / ours, 1)} times fewer` : `${number(ours / naive, 1)} times as many`;
    figure.tell(`${exact(ours)} parameters for ${channels} channels: ${times}`
      + ` ${naive > ours ? "than" : "as"} the naive module, whose result has ${naiveChannels}.`);
    module.setAttribute("aria-label", `An Inception module on ${state.in_channels} channels, ${exact(ours)} parameters`);
  }

  return figure.start(show, inputs());
}

export default { render };
