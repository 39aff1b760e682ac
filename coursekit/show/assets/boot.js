// Stands in for the notebook kernel on a page that has none: one figure, its state, its module. The still
// picture that the page already shows stays until the module has drawn, and comes back if it cannot.
async (source, state) => {
  const script = document.currentScript, el = script.parentElement;
  script.remove();
  const still = el.innerHTML, handlers = new Map();
  state.still = still;
  const model = {
    get: name => state[name],
    set(name, value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      for (const event of [`change:${name}`, "change"]) for (const handle of handlers.get(event) ?? []) handle();
    },
    save_changes() {},
    on: (event, handle) => handlers.set(event, [...(handlers.get(event) ?? []), handle]),
    off: (event, handle) => handlers.set(event, (handlers.get(event) ?? []).filter(other => other !== handle)),
  };
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const { default: figure } = await import(url);
    el.replaceChildren();
    await figure.render({ model, el });
  } catch (error) {
    el.innerHTML = still;
    console.error("This figure stays a still picture:", error);
  } finally {
    URL.revokeObjectURL(url);
  }
}
