// One output pixel of a convolution, and what a stack of layers sees. `span` to `stack` are all of the
// arithmetic; tests hold them against coursekit.nn.convolutional. Everything below shows numbers.

import { buttons, frame, number, slider } from "./explorer.js";

/** How many pixels a kernel reaches over, those that it skips among them. */
export const span = ({ kernel_size, dilation }) => dilation * (kernel_size - 1) + 1;

/** How many places the kernel finds along an axis; 0 if it does not fit. */
export function outputSize(state) {
  const room = state.image.length + 2 * state.padding - span(state);
  return room < 0 ? 0 : Math.floor(room / state.stride) + 1;
}

const square = (n, value) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => value(i, j)));

const WEIGHTS = {
  "vertical edge": (i, j, k) => Math.sign(2 * j - k + 1),
  "horizontal edge": (i, j, k) => Math.sign(2 * i - k + 1),
  outline: (i, j, k, centre) => centre ? k * k - 1 : -1,
  blur: (i, j, k) => 1 / k ** 2,
  sharpen: (i, j, k, centre) => 2 * centre - 1 / k ** 2,
  identity: (i, j, k, centre) => Number(centre),
};

/** The kernel of that name at size k; an even one has its centre right below its middle. */
export const kernelWeights = (name, k) =>
  square(k, (i, j) => WEIGHTS[name](i, j, k, i === k >> 1 && j === k >> 1));

/** What stands under the kernel at one of its places; beyond the border, 0. */
export const patch = ({ image, kernel_size, stride, padding, dilation }, row, column) =>
  square(kernel_size, (i, j) =>
    image[row * stride + i * dilation - padding]?.[column * stride + j * dilation - padding] ?? 0);

/** Each weight times the pixel under it. */
export function products(state, row, column) {
  const weights = kernelWeights(state.kernel, state.kernel_size), under = patch(state, row, column);
  return square(state.kernel_size, (i, j) => weights[i][j] * under[i][j]);
}

/** The convolution: at each place the sum of the products. */
export const output = state => {
  const add = values => values.reduce((sum, value) => sum + value, 0);
  return square(outputSize(state), (h, w) => add(products(state, h, w).map(add)));
};

/** A stack of equal layers, or of layers whose dilation doubles, the first one first. For each its dilation,
    the `size` and `jump` of what one of its outputs sees, in pixels, and where, from the middle of the view,
    stand the outputs of the layer below that reach the one at the top. */
export function stack({ kernel_size, stride, dilation, layers, doubling }) {
  const found = [];
  let size = 1, jump = 1;
  for (let l = 0; l < layers; l++) {
    const d = dilation * (doubling ? 2 ** l : 1), apart = d * jump;
    size += (kernel_size - 1) * apart;
    jump *= stride;
    found.push({ dilation: d, apart, size, jump });
  }
  let above = [0];
  for (const layer of [...found].reverse()) {
    const reached = above.flatMap(x =>
      Array.from({ length: kernel_size }, (_, i) => x + (i - (kernel_size - 1) / 2) * layer.apart));
    layer.above = above;
    layer.places = above = [...new Set(reached)].sort((a, b) => a - b);
  }
  return found;
}

// ------------------------------------------------------------- the picture, as convolution_explorer.py draws it

const CELL = 21; // of the input; twelve fit when it is padded by two
const MAP = { x: 264, side: 216, cell: 36 }; // where the outputs stand, and their largest cell

const whole = value => Math.abs(value - Math.round(value)) < 1e-9;

/** A number for a small cell: up to two decimals, as many as four characters hold. */
export function short(value) {
  const texts = [2, 1, 0].map(digits => number(value, digits).replace(/^(−?)0\./, "$1."));
  return whole(value) ? texts[2] : texts.find(text => text.length <= 4) ?? texts[2];
}

/** A number where there is room for it. */
export const full = value => number(value, whole(value) ? 0 : 2);

const box = (name, x, y, side, more = "") =>
  `<rect class="${name}" x="${number(x, 2)}" y="${number(y, 2)}" width="${number(side, 2)}" height="${number(side, 2)}"${more}/>`;

const label = (x, y, text, name = "entry") =>
  `<text class="${name}" x="${number(x, 2)}" y="${number(y, 2)}">${text}</text>`;

/** Cells whose colour is their value's share of the largest; numbers where they can be read. */
function matrix(x, y, cell, values, kind, top = 0) {
  top ||= Math.max(...values.flat().map(Math.abs)) || 1;
  return values.map((line, i) => line.map((value, j) => {
    const share = ` style="--v:${number(Math.abs(value) / top, 3)}"`;
    return box(`cell ${value < 0 ? "minus" : kind}`, x + cell * j, y + cell * i, cell, share)
      + (cell >= (kind === "pixel" ? 20 : 24) ? label(x + cell * (j + 0.5), y + cell * (i + 0.5) + 4, short(value)) : "");
  }).join("")).join("");
}

/** Where the parts stand, for the eyes and for the pointer. */
function layout(state) {
  const edge = CELL * (2 - state.padding), size = outputSize(state);
  return { x: edge, y: 24 + edge, size, cell: Math.min(MAP.cell, MAP.side / size) };
}

/** The marks of the three parts: the input, the map of outputs, and the sum that gives one of them. */
export function draw(state) {
  const { image, kernel_size: k, stride, padding: p, dilation, row, column } = state;
  const { x, y, size, cell } = layout(state), n = image.length;
  const padded = square(n + 2 * p, (i, j) => image[i - p]?.[j - p] ?? 0);
  const wide = p ? `, padded to ${n + 2 * p} × ${n + 2 * p}` : "";
  let field = label(0, 13, `input ${n} × ${n}${wide}`, "start") + matrix(x, y, CELL, padded, "pixel", 16)
    + box("border", CELL * 2, 24 + CELL * 2, CELL * n);
  if (!size) {
    const centre = label(MAP.x + MAP.side / 2, 118, "The kernel") + label(MAP.x + MAP.side / 2, 138, "does not fit.");
    return { field, map: label(MAP.x, 13, "no output", "start") + centre, sum: "" };
  }

  const left = x + CELL * column * stride, top = y + CELL * row * stride, step = CELL * dilation;
  field += box("span", left, top, CELL * span(state))
    + square(k, (i, j) => box("tap", left + step * j, top + step * i, CELL)).flat().join("");

  const values = output(state);
  const map = label(MAP.x, 13, `output ${size} × ${size}`, "start") + matrix(MAP.x, 24, cell, values, "signed")
    + box("tap", MAP.x + cell * column, 24 + cell * row, cell);

  const small = Math.min(36, 120 / k), middle = 330 + small * k / 2, weights = kernelWeights(state.kernel, k);
  const sum = label(0, 316, "under the kernel", "start")
    + matrix(0, 324, small, patch(state, row, column), "pixel", 16)
    + label(small * k + (138 - small * k) / 2, middle, "×", "op")
    + label(138, 316, "kernel", "start")
    + matrix(138, 324, small, weights, "signed")
    + label(138 + small * k + (138 - small * k) / 2, middle, "=", "op")
    + label(276, 316, "products", "start")
    + matrix(276, 324, small, products(state, row, column), "signed")
    + label(480, 316, "their sum", "end") + label(480, middle, full(values[row][column]), "total");
  return { field, map, sum };
}

/** What the output at the top of the stack sees, layer by layer down to the pixels; its marks and its height. */
function fan(layers) {
  const top = layers.at(-1), rise = 36, middle = 235, wide = 300;
  const scale = wide / top.size, y = l => 16 + rise * (layers.length - l), x = place => (middle + scale * place).toFixed(2);
  const marks = [];
  for (const [l, { apart, above, places }] of layers.entries()) {
    const reach = places.length > 1 ? (places.at(-1) - above.at(-1)) / apart : 0, lines = [];
    for (const from of above)
      for (let i = -reach; i <= reach; i++) lines.push(`M${x(from)} ${y(l + 1)}L${x(from + i * apart)} ${y(l)}`);
    marks.push(`<path class="ray" d="${lines.join("")}"/>`);
    const radius = Math.min(5, Math.max(1, 0.4 * scale * apart)).toFixed(1);
    if (l) marks.push(places.map(place => `<circle cx="${x(place)}" cy="${y(l)}" r="${radius}"/>`).join(""));
    marks.push(label(0, y(l + 1) + 5, `layer ${l + 1}`, "start"),
      label(480, y(l + 1) + 5, `sees ${layers[l].size}`, "end"));
  }
  marks.push(`<circle cx="${middle}" cy="${y(layers.length)}" r="5"/>`, label(0, y(0) + 5, "pixels", "start"));
  const pixel = place => `M${(middle + scale * (place - 0.5)).toFixed(2)} ${y(0) - 7}h${scale.toFixed(2)}v14h-${scale.toFixed(2)}z`;
  if (top.size <= 120) {
    const all = Array.from({ length: top.size }, (_, i) => i - (top.size - 1) / 2);
    marks.push(`<path class="skipped" d="${all.map(pixel).join("")}"/>`);
  }
  marks.push(`<path class="seen${top.size > 120 ? " many" : ""}" d="${layers[0].places.map(pixel).join("")}"/>`);
  return { marks: marks.join(""), height: y(0) + 14 };
}

// --------------------------------------------------------------------------------- the page

const NAMES = ["image", "kernel", "kernel_size", "stride", "padding", "dilation", "row", "column", "layers", "doubling"];

/** The state, its pixel inside the map: Python may move one before the other. */
function inside(state) {
  const last = Math.max(0, outputSize(state) - 1);
  return { ...state, row: Math.min(state.row, last), column: Math.min(state.column, last) };
}

const read = model => inside(Object.fromEntries(NAMES.map(name => [name, model.get(name)])));
const last = model => Math.max(0, outputSize(read(model)) - 1);

const SLIDERS = [
  { name: "kernel_size", label: "kernel size <i>k</i>", min: 1, max: 5 },
  { name: "stride", label: "stride <i>s</i>", min: 1, max: 3 },
  { name: "padding", label: "padding <i>p</i>", min: 0, max: 2 },
  { name: "dilation", label: "dilation <i>d</i>", min: 1, max: 3 },
  { name: "row", label: "row <i>h</i>", min: 0, last },
  { name: "column", label: "column <i>w</i>", min: 0, last },
];
const LAYERS = { name: "layers", label: "layers, one on the other", min: 1, max: 5 };

const PRESETS = {
  "vertical edge": "Positive where the picture grows brighter to the right.",
  "horizontal edge": "Positive where the picture grows brighter downwards.",
  outline: "What differs from its surroundings.",
  blur: "The mean of the pixels under the kernel.",
  sharpen: "Twice the pixel, less the mean around it.",
  identity: "The pixel itself.",
};

const HTML = id => `
  <div class="controls" id="${id}">
    <div class="buttons">${buttons(Object.keys(PRESETS))}</div>
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons">
      <button type="button" class="main play">Play</button>
      <button type="button" class="reset">Reset</button>
    </div>
  </div>
  <p class="formula"></p>
  <output aria-live="polite"></output>
  <div class="stack">
    <p><b>Receptive field</b> of a stack of such layers, along one axis</p>
    ${slider(id, LAYERS)}
    <p><input type="checkbox" id="${id}-doubling" name="doubling">
      <label for="${id}-doubling">each layer has twice the dilation of the one below</label></p>
    <svg class="fan" role="img"></svg>
    <p class="field-formula"></p>
  </div>`;

function render({ model, el }) {
  const state = () => read(model), begin = state();
  const sets = Object.fromEntries(["kernel_size", "stride", "padding", "dilation"].map(name => [name, value => {
    const { row, column } = inside({ ...state(), [name]: value });
    return { [name]: value, row, column };
  }]));
  const presets = Object.fromEntries(Object.entries(PRESETS).map(([kernel, says]) =>
    [kernel, { set: { kernel }, says: `${kernel[0].toUpperCase()}${kernel.slice(1)}: ${says}` }]));
  const figure = frame({ model, el }, {
    name: "convolution_explorer", label: "Convolution explorer",
    html: HTML, sliders: [...SLIDERS, LAYERS], presets, sets,
  });
  const { find, all, change } = figure;
  const layer = find(".layer"), map = find(".map"), field = find(".field"), play = find(".play"), doubling = find("[name=doubling]");
  let timer = null;

  function show() {
    const now = state(), { kernel_size: k, stride: s, padding: p, dilation: d, row, column } = now;
    const n = now.image.length, size = outputSize(now), marks = draw(now);
    for (const [name, inner] of Object.entries(marks)) find(`.${name}`).innerHTML = inner;
    for (const button of all("[data-preset]"))
      button.setAttribute("aria-pressed", button.dataset.preset === now.kernel);
    const room = `${n} + 2·${p} − ${d}·(${k} − 1) − 1`;
    find(".formula").innerHTML = "<b>Output size</b> <span>⌊(<i>H</i> + 2<i>p</i> − <i>d</i>(<i>k</i> − 1) − 1) / <i>s</i>⌋ + 1</span>"
      + (size ? ` <span>= ⌊(${room}) / ${s}⌋ + 1 = <b>${size}</b></span>` : ` <span>where ${room} is negative</span>`);
    const value = size ? full(output(now)[row][column]) : "";
    map.setAttribute("aria-label", size
      ? `Output map, ${size} by ${size}. Row ${row}, column ${column} is ${value}. Arrow keys move it.`
      : "No output: the kernel does not fit.");
    const list = size ? products(now, row, column).flat().map(short).join(", ") : "none";
    find(".sum").setAttribute("aria-label", `Products of weights and pixels: ${list}`);
    figure.tell(size
      ? `Output (${row}, ${column}) is the sum of ${k * k} ${k > 1 ? "products" : "product"}, ${value}.`
      : `A kernel of size ${k} with dilation ${d} spans ${span(now)} pixels and does not fit into ${n + 2 * p}.`);

    const layers = stack(now), { marks: drawn, height } = fan(layers), { size: seen, jump } = layers.at(-1);
    doubling.checked = now.doubling;
    find(".fan").setAttribute("viewBox", `0 0 480 ${height}`);
    find(".fan").innerHTML = drawn;
    const reached = layers[0].places.length;
    find(".fan").setAttribute("aria-label", `An output of layer ${layers.length} sees ${seen} pixels and reads ${reached} of them: `
      + layers.map(({ size }, l) => `layer ${l + 1} sees ${size}`).join(", "));
    const terms = layers.map(({ dilation, apart }) => `${dilation}·${k - 1}·${apart / dilation}`).join(" + ");
    find(".field-formula").innerHTML = `<span><i>r</i> = 1 + Σ <i>d</i>(<i>k</i> − 1)<i>j</i></span> <span>= 1 + ${terms}</span> `
      + `<span>= <b>${seen}</b> pixels${reached < seen ? `, of which ${reached} are read` : ""};</span> `
      + `<span>neighbouring outputs are <i>j</i> = ${jump} ${jump > 1 ? "pixels" : "pixel"} apart</span>`;
  }

  // The map and the input take the pointer; the map takes the arrow keys too.
  const move = (row, column) => {
    const end = last(model), clamp = value => Math.min(end, Math.max(0, value));
    if (outputSize(state())) change({ row: clamp(row), column: clamp(column) });
  };
  const pointed = (part, place) => {
    const at = event => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(layer.getScreenCTM().inverse());
      const [row, column] = place(x, y);
      if (row !== model.get("row") || column !== model.get("column")) move(row, column);
    };
    part.addEventListener("pointerdown", at);
    part.addEventListener("pointermove", event => event.buttons && at(event));
  };
  pointed(map, (x, y) => {
    const { cell } = layout(state());
    return [Math.floor((y - 24) / cell), Math.floor((x - MAP.x) / cell)];
  });
  pointed(field, (x, y) => { // the output whose kernel has its middle there
    const now = state(), begin = layout(now), middle = span(now) / 2;
    return [(y - begin.y), (x - begin.x)].map(at => Math.round((at / CELL - middle) / now.stride));
  });
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  map.addEventListener("keydown", event => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [down, right] = ARROWS[event.key];
    move(model.get("row") + down, model.get("column") + right);
  });

  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  const step = () => {
    const end = last(model), { row, column } = state();
    if (!el.isConnected) stop();
    else if (column < end) move(row, column + 1);
    else move(row < end ? row + 1 : 0, 0);
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    timer = setInterval(step, 350);
    play.textContent = "Stop";
    step();
  });
  find(".reset").addEventListener("click", stop);
  doubling.addEventListener("change", () => change({ doubling: doubling.checked }));

  layer.setAttribute("role", "group");
  layer.setAttribute("aria-label", "A layer: its input, its output, and how one output is computed");
  field.setAttribute("role", "img");
  field.setAttribute("aria-label", "A handwritten zero, and the pixels under the kernel");
  find(".sum").setAttribute("role", "img");
  map.setAttribute("role", "application");
  map.setAttribute("tabindex", "0");
  const close = figure.start(show, begin);
  return () => { stop(); close(); };
}

export default { render };
