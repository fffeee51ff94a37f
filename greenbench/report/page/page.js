// Sorts, filters and greys out the matrix, opens what a verdict stands on, copies, and keeps its
// state in the address's fragment. All else is complete without it. Texts are set by textContent alone.
(() => {
  "use strict";
  document.documentElement.classList.add("js");

  // --- state: what differs from the beginning, as #name=value&... ------------------------------
  const fragment = location.hash.slice(1);
  const state = new URLSearchParams(fragment.includes("=") ? fragment : "");

  let written = state.toString();

  // Browsers refuse an address that is written some hundred times in a row: once a change, if at all.
  function remember(values) {
    for (const [name, value] of Object.entries(values)) {
      if (value) state.set(name, value);
      else state.delete(name);
    }
    const text = state.toString();
    if (text === written) return;
    written = text;
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  }

  // --- the matrix ------------------------------------------------------------------------------
  const ANY_LOSS = 21, ANY_SLOWDOWN = 105;

  function numbers(cell, key) {
    const text = cell.dataset[key];
    return text ? text.split(" ").map(Number) : null;
  }

  // 0 if the whole interval keeps the limit, 1 if it may not, 2 if it is shown not to.
  function exceeds(bounds, limit) {
    if (!bounds) return 1;
    if (bounds[1] > limit) return 2;
    return bounds[2] > limit ? 1 : 0;
  }

  class Matrix {
    constructor(form) {
      this.form = form;
      this.number = form.dataset.matrix;
      this.section = form.closest("section");
      this.body = this.section.querySelector("table.cells tbody");
      this.rows = [...this.body.rows];
      this.original = [...this.rows];
      this.fields = form.elements;
      this.sort = "";
      this.restore();
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("input", () => this.changed());
      form.querySelector(".all").addEventListener("click", () => {
        form.reset();
        this.sort = "";
        this.changed();
      });
      for (const button of this.section.querySelectorAll(".sort")) {
        button.addEventListener("click", () => this.sortBy(button.dataset.sort));
      }
      this.show();
    }

    key(name) { return this.number === "1" ? name : name + this.number; }

    restore() {
      for (const name of ["find", "kind", "task", "loss", "slow"]) {
        const value = state.get(this.key(name));
        if (value !== null && this.fields[name]) this.fields[name].value = value;
      }
      this.sort = state.get(this.key("sort")) || "";
    }

    changed() {
      const { loss, slow } = this.fields;
      const values = {
        [this.key("loss")]: Number(loss.value) < ANY_LOSS ? loss.value : "",
        [this.key("slow")]: Number(slow.value) < ANY_SLOWDOWN ? slow.value : "",
        [this.key("sort")]: this.sort,
      };
      for (const name of ["find", "kind", "task"]) {
        if (this.fields[name]) values[this.key(name)] = this.fields[name].value;
      }
      remember(values);
      this.show();
    }

    sortBy(key) {
      this.sort = this.sort === key ? "-" + key : this.sort === "-" + key ? "" : key;
      this.changed();
    }

    show() {
      this.order();
      this.filter();
      this.limit();
    }

    order() {
      const down = this.sort.startsWith("-"), key = down ? this.sort.slice(1) : this.sort;
      for (const button of this.section.querySelectorAll(".sort")) {
        const on = button.dataset.sort === key;
        button.setAttribute("aria-pressed", String(on));
        button.classList.toggle("down", on && down);
      }
      const rows = [...this.original];
      if (key) {
        const value = this.reader(key);
        const known = rows.filter((row) => !row.classList.contains("baseline") && value(row) !== null);
        const rest = rows.filter((row) => !row.classList.contains("baseline") && value(row) === null);
        known.sort((one, other) => {
          const [a, b] = [value(one), value(other)];
          const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
          return down ? -order : order;
        });
        rows.sort((one, other) => other.classList.contains("baseline") - one.classList.contains("baseline"));
        const first = rows.filter((row) => row.classList.contains("baseline"));
        rows.splice(0, rows.length, ...first, ...known, ...rest);
      }
      this.body.append(...rows);
    }

    reader(key) {
      if (key === "name") return (row) => row.cells[0].firstChild.textContent;
      const [column, name] = key.split(" ");
      return (row) => {
        const cell = row.cells[Number(column) + 1];
        const values = cell ? numbers(cell, name) : null;
        return values ? values[0] : null;
      };
    }

    filter() {
      const find = this.fields.find.value.trim().toLowerCase();
      const kind = this.fields.kind.value;
      const task = this.fields.task ? this.fields.task.value : "";
      for (const row of this.rows) {
        const cells = [...row.cells].slice(1).filter((cell) => !task || cell.dataset.task === task);
        const named = row.cells[0].textContent.toLowerCase().includes(find);
        const ofKind = !kind || cells.some((cell) => cell.dataset.kind === kind);
        row.hidden = !(named && ofKind) && !row.classList.contains("baseline");
      }
      for (const cell of this.section.querySelectorAll("[data-task]")) {
        cell.hidden = Boolean(task) && cell.dataset.task !== task;
      }
    }

    limit() {
      const loss = Number(this.fields.loss.value), slow = Number(this.fields.slow.value);
      const anyLoss = loss >= ANY_LOSS, anySlow = slow >= ANY_SLOWDOWN;
      this.fields["loss-text"].value = anyLoss ? "any" : loss + " points";
      this.fields["slow-text"].value = anySlow ? "any" : slow + " %";
      const best = new Map();
      for (const row of this.rows) {
        for (const cell of [...row.cells].slice(1)) {
          const compared = cell.dataset.e !== undefined;
          const broken = !compared ? 0 : Math.max(
            anyLoss ? 0 : exceeds(numbers(cell, "q"), loss),
            anySlow ? 0 : exceeds(numbers(cell, "t"), 1 + slow / 100));
          this.mark(cell, broken);
          const keeps = cell.dataset.kind === "saves" && broken === 0 && !row.hidden && !cell.hidden;
          const energy = keeps ? Number(cell.dataset.e) : Infinity;
          const known = best.get(cell.dataset.task) || [Infinity, ""];
          if (energy < known[0]) best.set(cell.dataset.task, [energy, this.named(row, cell)]);
        }
      }
      const text = anyLoss && anySlow ? "" : this.summary(best);
      this.form.querySelector(".summary").textContent = text;
    }

    mark(cell, broken) {
      cell.classList.toggle("beyond", broken > 0);
      let note = cell.querySelector(".limit");
      if (broken === 0) {
        if (note) note.remove();
        return;
      }
      if (!note) {
        note = document.createElement("span");
        note.className = "limit";
        cell.append(note);
      }
      note.textContent = broken === 2 ? "shown to exceed a limit" : "may exceed a limit";
    }

    named(row, cell) {
      const ratio = cell.querySelector("b").textContent;
      return row.cells[0].firstChild.textContent + " " + ratio;
    }

    summary(best) {
      const tasks = [...this.section.querySelectorAll("thead th[data-task]")];
      const texts = tasks.filter((task) => !task.hidden).map((task) => {
        const found = best.get(task.dataset.task);
        return task.dataset.task + ": " + (found ? found[1] + " times V0" : "none");
      });
      return "Least energy of those shown to save and to keep both limits: " + texts.join("; ") + ".";
    }
  }

  const matrices = [...document.querySelectorAll(".controls")].map((form) => new Matrix(form));

  // --- switches of charts ----------------------------------------------------------------------
  for (const input of document.querySelectorAll(".switched > input")) {
    if (state.get(input.name) === input.value) input.checked = true;
    input.addEventListener("change", () => remember({ [input.name]: input.value === "1" ? "" : input.value }));
  }

  // --- copying ---------------------------------------------------------------------------------
  function tableText(table) {
    return [...table.rows]
      .map((row) => [...row.cells].map((cell) => cell.textContent.trim().replace(/\s+/g, " ")).join("\t"))
      .join("\n");
  }

  async function copy(button) {
    const isTable = button.dataset.copy === "table";
    const source = isTable
      ? button.parentElement.previousElementSibling.querySelector("table")
      : button.parentElement.querySelector("code");
    const text = isTable ? tableText(source) : source.textContent;
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(source); // the browser refuses: the keyboard can copy it
      button.textContent = "selected";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
  });

  // --- what a verdict stands on: one dialog for all records, which lie compressed in the page -----
  const dialog = document.getElementById("record");

  async function unpacked() {
    const packed = atob(document.getElementById("records").content.textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  let records = null; // a promise, from the first click on

  function element(tag, parts, attributes = {}) {
    const made = document.createElement(tag);
    made.append(...[parts].flat()); // texts become text nodes
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function facts(pairs) {
    const parts = pairs.flatMap(([name, text]) => [element("dt", name), element("dd", text)]);
    return element("dl", parts, { class: "facts" });
  }

  function table(caption, columns, lines) {
    if (lines.length === 0) return [];
    const head = element("tr", columns.map((column) => element("th", column, { scope: "col" })));
    const rows = lines.map(([first, ...rest]) =>
      element("tr", [element("th", first, { scope: "row" }), ...rest.map((part) => element("td", part))]));
    const parts = [element("caption", caption), element("thead", head), element("tbody", rows)];
    return element("table", parts, { class: "data" });
  }

  function knob([name, asked, got, how, note]) {
    return [name, asked, got, note ? [how + " ", element("strong", note)] : how];
  }

  function again(command) {
    const button = element("button", "copy", { type: "button", class: "copy", "data-copy": "text" });
    return element("p", [element("code", command), " ", button], { class: "command" });
  }

  function contents(record) {
    const session = element("a", "session " + record.session, { href: "#session-" + record.session });
    const origin = ["Measured in ", session, ": its command, machine and versions."];
    if (record.command) origin.push(" Again, beside V0:");
    return [
      facts(record.energy),
      table("Windows, mean of the rounds", ["stage", "state", "time", "joules", "of single rounds"], record.windows),
      table("Knobs, requested and read back", ["knob", "requested", "read back", "where"], record.knobs.map(knob)),
      record.other_knobs ? element("p", record.other_knobs) : [],
      facts(record.scores),
      facts(record.facts),
      record.warnings.length ? element("ul", record.warnings.map((text) => element("li", text))) : [],
      element("p", origin),
      record.command ? again(record.command) : [],
    ].flat();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-record]");
    if (!button) return;
    records = records || unpacked();
    const record = (await records)[Number(button.dataset.record)];
    dialog.querySelector("h2").textContent = record.id;
    dialog.querySelector("div").replaceChildren(...contents(record));
    dialog.showPopover();
    dialog.scrollTop = 0;
  });

  // --- links within the page keep the state ----------------------------------------------------
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    const dialog = link.closest("[popover]");
    if (dialog) dialog.hidePopover();
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView();
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });

  addEventListener("hashchange", () => location.reload());
  document.documentElement.dataset.ready = String(matrices.length);
})();
