// Three losses and the constants that fit best by each. `loss`, `slope` and `fit` are all of the arithmetic;
// tests hold them against coursekit.nn.losses. Everything below shows numbers and makes none.

import { buttons, fill, frame, number, slider } from "./explorer.js";

/** Each loss of one error r = y - c. */
export const loss = {
  mse: r => r * r,
  mae: r => Math.abs(r),
  huber: (r, delta) => Math.abs(r) <= delta ? r * r / 2 : delta * Math.abs(r) - delta * delta / 2,
};

/** The derivative of each with respect to r; 0 for |r| at 0. */
export const slope = {
  mse: r => 2 * r,
  mae: r => Math.sign(r),
  huber: (r, delta) => Math.max(-delta, Math.min(delta, r)),
};

/** The constant c with the least mean loss over `targets`. */
export const fit = {
  mse: targets => targets.reduce((sum, y) => sum + y, 0) / targets.length,
  mae(targets) {
    const sorted = [...targets].sort((a, b) => a - b), n = sorted.length;
    return (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
  },
  huber(targets, delta) { // where the slopes cancel, halved from the range of the targets
    let low = Math.min(...targets), high = Math.max(...targets);
    for (let k = 0; k < 60; k++) {
      const middle = (low + high) / 2;
      const pull = targets.reduce((sum, y) => sum + slope.huber(y - middle, delta), 0);
      if (pull > 0) low = middle; else high = middle;
    }
    return (low + high) / 2;
  },
};

/** For each loss: its best constant with and without the outlier, and the outlier's error, loss and slope. */
export function explain({ targets, outlier, delta }) {
  return Object.fromEntries(["mse", "mae", "huber"].map(name => {
    const best = fit[name]([...targets, outlier], delta), error = outlier - best;
    return [name, {
      fit: best, without: fit[name](targets, delta), error,
      loss: loss[name](error, delta), slope: slope[name](error, delta),
    }];
  }));
}

/** Huber's loss and its slope as SVG paths over errors from -7 to 7: a parabola between straight lines. */
export function curves(delta) {
  const d = delta.toFixed(4), bend = (delta * delta / 2).toFixed(4), end = loss.huber(7, delta).toFixed(4);
  return {
    loss: `M-7 ${end}L-${d} ${bend}Q0 -${bend} ${d} ${bend}L7 ${end}`,
    slope: `M-7 -${d}H-${d}L${d} ${d}H7`,
  };
}

// --------------------------------------------------------------------------------- the page

const text = value => number(value, 1);
const SLIDERS = [
  { name: "outlier", label: "outlier <i>y</i><sub>7</sub>", min: 0, max: 8, by: 0.1, text },
  { name: "delta", label: "Huber’s <i>δ</i>", min: 0.1, max: 6, by: 0.1, text },
];

const PRESETS = {
  "No outlier": { set: { outlier: 1.5 }, says: "All seven agree, and so do the three constants." },
  "Far outlier": { set: { outlier: 8 }, says: "Only the mean goes far with it." },
  "Small δ": { set: { delta: 0.1 }, says: "Nearly every error is pulled alike: close to the median." },
  "Large δ": { set: { delta: 6 }, says: "Every error is squared: Huber’s constant is the mean." },
};

const NAMES = { mse: "squared", mae: "absolute", huber: "Huber" };

const HTML = id => `
  <div class="controls" id="${id}">
    ${SLIDERS.map(each => slider(id, each)).join("")}
    <div class="buttons">
      ${buttons(Object.keys(PRESETS))}
      <button type="button" class="reset">Reset</button>
    </div>
    <table>
      <thead><tr><th scope="col">loss</th><th scope="col">best fit</th>
        <th scope="col">moved</th><th scope="col">pull</th></tr></thead>
      <tbody>${Object.entries(NAMES).map(([name, words]) =>
        `<tr class="${name}"><th scope="row">${words}</th><td></td><td></td><td></td></tr>`).join("")}</tbody>
    </table>
  </div>
  <output aria-live="polite"></output>`;

function render({ model, el }) {
  const figure = frame({ model, el }, {
    name: "loss_explorer", label: "Loss explorer", html: HTML, sliders: SLIDERS, presets: PRESETS,
  });
  const { find, all, change } = figure;
  const plot = find(".plot"), handle = find(".handle"), [range] = all("input");
  const inputs = () => ({ outlier: model.get("outlier"), delta: model.get("delta") });

  function draw() {
    const state = { ...inputs(), targets: model.get("targets") }, found = explain(state);
    const values = { outlier: state.outlier, delta: state.delta }, texts = {};
    for (const [name, { fit, without, error, loss, slope }] of Object.entries(found)) {
      Object.assign(values, { [name]: fit, [`${name}-error`]: error, [`${name}-loss`]: loss, [`${name}-slope`]: slope });
      texts[name] = number(fit, 2);
      const cells = find(`tbody .${name}`).querySelectorAll("td");
      [fit, fit - without, slope].forEach((value, j) => { cells[j].textContent = number(value, 2); });
    }
    fill(plot, values, texts);
    const paths = curves(state.delta);
    for (const path of all("[data-path]")) path.setAttribute("d", paths[path.dataset.path]);
    handle.setAttribute("aria-valuenow", state.outlier);
    handle.setAttribute("aria-valuetext", text(state.outlier));
    figure.tell(`Best constants: mean ${texts.mse}, median ${texts.mae}, Huber ${texts.huber}.`);
  }

  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", "Targets, best constants, losses and their slopes");
  for (const [name, value] of Object.entries({
    role: "slider", tabindex: "0", "aria-label": "outlier, to drag", "aria-orientation": "vertical",
    "aria-valuemin": range.min, "aria-valuemax": range.max,
  })) handle.setAttribute(name, value);

  const move = value => {
    const outlier = Math.round(10 * Math.min(8, Math.max(0, value))) / 10;
    if (outlier !== model.get("outlier")) change({ outlier });
  };
  handle.addEventListener("pointerdown", event => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault(); // no selection of text, no scrolling
    handle.focus({ preventScroll: true });
  });
  handle.addEventListener("pointermove", event => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const units = find(".data").getScreenCTM().inverse(); // from the screen to the targets' units
    move(new DOMPoint(event.clientX, event.clientY).matrixTransform(units).y);
  });
  const KEYS = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1, PageDown: -1,
    Home: -Infinity, End: Infinity };
  handle.addEventListener("keydown", event => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    move(model.get("outlier") + KEYS[event.key]);
  });
  return figure.start(draw, inputs());
}

export default { render };
