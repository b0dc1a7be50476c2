// Virtual grid: only the cells in sight exist, whatever the number of candidates.

const GAP = 10;
const FOOT = 26;
const SPARE_ROWS = 2;
const TRIES = 5; // of a picture that did not come, as when the server was away
const RETRY_MS = 1500;
const FAST = 3; // rows a frame; pictures of cells that fly past are not fetched

export class Grid {
  constructor(state, onPick, onOpen) {
    this.state = state;
    this.box = document.getElementById("grid");
    this.sheet = document.getElementById("sheet");
    this.cells = new Map();
    this.free = [];
    this.size = 168;
    this.lastTop = 0;
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(this.box);
    this.sheet.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) onPick(Number(cell.dataset.at));
    });
    this.sheet.addEventListener("dblclick", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) onOpen(Number(cell.dataset.at));
    });
  }

  layout() {
    const width = this.box.clientWidth - 2 * GAP;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor((width + GAP) / (this.size + GAP)));
    this.side = Math.floor((width - (this.columns - 1) * GAP) / this.columns);
    this.step = this.side + FOOT + GAP;
    const rows = Math.ceil(this.state.order.length / this.columns);
    this.sheet.style.height = `${rows * this.step + GAP}px`;
    for (const at of [...this.cells.keys()]) this.drop(at);
    this.draw(true);
  }

  scrolled() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const moved = Math.abs(this.box.scrollTop - this.lastTop);
      this.lastTop = this.box.scrollTop;
      const fast = moved > FAST * this.step;
      this.draw(!fast);
      clearTimeout(this.settle);
      if (fast) this.settle = setTimeout(() => this.draw(true), 90);
    });
  }

  draw(pictures) {
    if (!this.columns || !this.box.clientHeight) return;
    const top = this.box.scrollTop;
    const first = Math.max(0, Math.floor(top / this.step) - SPARE_ROWS) * this.columns;
    const rows = Math.ceil(this.box.clientHeight / this.step) + 2 * SPARE_ROWS + 1;
    const last = Math.min(this.state.order.length, first + rows * this.columns);
    for (const at of [...this.cells.keys()]) if (at < first || at >= last) this.drop(at);
    for (let at = first; at < last; at += 1) {
      const cell = this.cells.get(at) || this.make(at);
      if (pictures) this.picture(cell, at);
    }
  }

  make(at) {
    const cell = this.free.pop() || blank();
    cell.dataset.at = at;
    cell.id = `cell-${at}`;
    cell.style.width = `${this.side}px`;
    cell.style.height = `${this.side + FOOT}px`;
    cell.style.transform = `translate(${GAP + (at % this.columns) * (this.side + GAP)}px, ${
      GAP + Math.floor(at / this.columns) * this.step
    }px)`;
    this.cells.set(at, cell);
    this.fill(cell, at);
    this.sheet.append(cell);
    return cell;
  }

  drop(at) {
    const cell = this.cells.get(at);
    this.cells.delete(at);
    cell.remove();
    cell.img.removeAttribute("src");
    delete cell.dataset.source;
    this.free.push(cell);
  }

  picture(cell, at) {
    const source = this.state.picture(this.state.order[at], "jpeg");
    if (cell.dataset.source === source) return;
    cell.dataset.source = source;
    cell.img.src = source;
  }

  fill(cell, at) {
    const { state } = this;
    const row = state.order[at];
    const grade = state.grades[row];
    const selected = at === state.cursor;
    cell.className = `cell${selected ? " selected" : ""}`;
    cell.dataset.grade = grade || "";
    cell.setAttribute("aria-selected", String(selected));
    cell.setAttribute("aria-posinset", at + 1);
    cell.setAttribute("aria-setsize", state.order.length);
    cell.setAttribute("aria-label", state.describe(row));
    cell.badge.textContent = grade || "";
    const known = state.fact("known", row);
    cell.known.hidden = !known;
    cell.known.textContent = known ? "known lens" : "";
    cell.known.title = known || "";
    cell.rank.textContent = state.blind ? `${at + 1}` : `${state.fact("rank", row)}`;
    const prob = state.fact("prob", row);
    cell.meter.hidden = prob === null;
    cell.score.textContent = prob === null ? "" : state.percent(prob);
    cell.meter.firstChild.style.transform = `scaleX(${prob === null ? 0 : prob})`;
    const others = state.others ? state.others[row] : "";
    cell.others.textContent = others;
    cell.others.title = others ? `other graders: ${[...others].join(", ")}` : "";
  }

  refresh() {
    for (const [at, cell] of this.cells) {
      this.fill(cell, at);
      this.picture(cell, at);
    }
    this.box.setAttribute("aria-activedescendant", `cell-${this.state.cursor}`);
  }

  reveal(at) {
    const top = Math.floor(at / this.columns) * this.step;
    const view = this.box.clientHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.step + GAP > this.box.scrollTop + view)
      this.box.scrollTop = top + this.step + GAP - view;
    this.draw(true);
  }
}

function blank() {
  const cell = document.createElement("div");
  cell.setAttribute("role", "option");
  cell.tries = 0;
  const part = (tag, name, parent = cell) => {
    const element = document.createElement(tag);
    element.className = name;
    parent.append(element);
    return element;
  };
  cell.img = part("img", "picture");
  cell.img.alt = "";
  cell.img.decoding = "async";
  cell.img.draggable = false;
  cell.img.addEventListener("load", () => (cell.tries = 0));
  cell.img.addEventListener("error", () => {
    const { source } = cell.dataset;
    if (!source || cell.tries >= TRIES) return;
    cell.tries += 1;
    setTimeout(() => {
      if (cell.dataset.source === source) cell.img.src = source;
    }, RETRY_MS);
  });
  cell.known = part("span", "known");
  cell.badge = part("span", "badge");
  const foot = part("div", "foot");
  cell.rank = part("span", "rank", foot);
  cell.meter = part("span", "meter", foot);
  part("i", "", cell.meter);
  cell.score = part("span", "score", foot);
  cell.others = part("span", "others", foot);
  return cell;
}
