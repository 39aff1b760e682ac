// What the explorers share: how numbers look, and a frame that keeps picture, sliders and state in step.

/** A number as people write it: a real minus sign, and never "-0.000". */
export function number(value, digits = 3) {
  const text = value.toFixed(digits);
  return text.replace("-", Number(text) === 0 ? "" : "−");
}

/** One slider of a frame, its name and its value above it. */
export const slider = (id, { name, label, min, max = min, by = 1 }) => `<div class="slider">
  <label for="${id}-${name}">${label}</label> <span class="number"></span>
  <input type="range" id="${id}-${name}" name="${name}" aria-describedby="${id}"
    min="${min}" max="${max}" step="${by}">
</div>`;

/** A row of buttons; `data-preset` names what each is for. */
export const buttons = names =>
  names.map(name => `<button type="button" data-preset="${name}">${name}</button>`).join("");

/** Numbers and texts into a picture: `values` become CSS properties, `texts` go where `data-value` asks. */
export function fill(el, values, texts) {
  for (const [name, value] of Object.entries(values)) el.style.setProperty(`--${name}`, value);
  for (const slot of el.querySelectorAll("[data-value]")) slot.textContent = texts[slot.dataset.value];
}

/** Sets the figure up in `el`: the still picture, and around it what `html(id)` says, the sliders among it.
    A slider has a name, label, min, max (or `last(model)`, an end that moves), by, and `text`, its value as
    people read it. `sets` tells what a slider changes, where that is more than itself. `presets` are buttons:
    { set, says }. One more has the class "reset". */
export function frame({ model, el }, { name, label, html, sliders, presets, sets = {} }) {
  el.classList.add("ck-figure", name);
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", label);
  const id = `ck-explorer-${Math.random().toString(36).slice(2)}`;
  el.innerHTML = `<div class="live">${model.get("still")}${html(id)}</div>`;
  const find = selector => el.querySelector(selector), all = selector => [...el.querySelectorAll(selector)];
  const handles = new Map(sliders.map(each => [each, find(`input[name="${each.name}"]`)]));
  let show = () => {}, note = "", halfway = false; // what the last button did; whether more is to be set

  function draw() {
    if (halfway) return;
    for (const [{ name, text = String, last }, handle] of handles) {
      if (last) handle.max = last(model);
      handle.value = model.get(name);
      handle.previousElementSibling.textContent = text(model.get(name));
      handle.setAttribute("aria-valuetext", text(model.get(name)));
    }
    show();
  }

  function change(values, says = "") {
    note = says;
    halfway = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    halfway = false;
    model.save_changes();
    draw();
  }

  return {
    find, all, change,
    /** What a screen reader speaks after each move. */
    tell(result) { find("output").textContent = `${note} ${result}`.trim(); },
    /** Parts of the picture, each with a data-part, that a reader points at with the mouse, by keyboard or by
        the slider whose `part` they are. Returns what tells the one pointed at, or null. */
    pointing(parts) {
      let pointed = null;
      const point = part => { if (part !== pointed) { pointed = part; show(); } };
      const focused = () => point(document.activeElement?.dataset.part ?? null);
      for (const part of parts) {
        part.setAttribute("tabindex", "0");
        part.setAttribute("role", "img");
      }
      for (const [{ part }, handle] of handles) handle.dataset.part = part;
      for (const node of [...parts, ...handles.values()]) {
        node.addEventListener("pointerenter", () => point(node.dataset.part));
        node.addEventListener("focus", () => point(node.dataset.part));
        node.addEventListener("pointerleave", focused);
        node.addEventListener("blur", () => point(null));
      }
      return () => pointed;
    },
    /** Draws with `drawing` now and after every change; returns what stops it. Reset sets `begin`. */
    start(drawing, begin) {
      show = drawing;
      for (const [{ name }, handle] of handles)
        handle.addEventListener("input", () =>
          change(sets[name]?.(handle.valueAsNumber) ?? { [name]: handle.valueAsNumber }));
      for (const button of all("[data-preset]")) {
        const { set, says } = presets[button.dataset.preset];
        button.addEventListener("click", () => change(set, says));
      }
      find(".reset").addEventListener("click", () => change(begin, "Back at the start."));
      model.on("change", draw);
      draw();
      return () => model.off("change", draw);
    },
  };
}
