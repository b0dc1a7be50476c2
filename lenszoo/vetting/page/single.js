// Single view: one candidate large, all stretches beside it, its neighbours below.

const AHEAD = 4;
const FILM = 6;
const ENLARGE = 8;
const SVG = "http://www.w3.org/2000/svg";

export class Single {
  constructor(state, onMove, onView) {
    this.state = state;
    this.frame = document.getElementById("frame");
    this.large = document.getElementById("large");
    this.overlay = document.getElementById("overlay");
    this.strip = document.getElementById("strip");
    this.film = document.getElementById("film");
    this.onMove = onMove;
    this.onView = onView;
    this.zoom = 1;
    this.pan = [0, 0];
    this.ahead = [];
    this.large.addEventListener("load", () => this.marks());
    new ResizeObserver(() => this.marks()).observe(this.frame);
    this.frame.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomTo(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8));
      },
      { passive: false },
    );
    this.frame.addEventListener("pointerdown", (event) => {
      this.frame.setPointerCapture(event.pointerId);
      this.drag = [event.clientX - this.pan[0], event.clientY - this.pan[1]];
    });
    this.frame.addEventListener("pointermove", (event) => {
      if (!this.drag) return;
      this.pan = [event.clientX - this.drag[0], event.clientY - this.drag[1]];
      this.move();
    });
    for (const name of ["pointerup", "pointercancel"])
      this.frame.addEventListener(name, () => (this.drag = null));
    this.film.addEventListener("click", (event) => {
      const each = event.target.closest("button");
      if (each) onMove(Number(each.dataset.at));
    });
  }

  show(newCandidate) {
    const { state } = this;
    if (!state.order.length) return;
    const row = state.order[state.cursor];
    if (newCandidate) {
      this.zoom = 1;
      this.pan = [0, 0];
      this.details = null;
      this.ask(row);
    }
    this.large.src = this.address(row);
    this.large.alt = state.describe(row);
    this.large.classList.toggle("pixelated", state.pixels);
    document.getElementById("place").textContent =
      `${(state.cursor + 1).toLocaleString("en")} of ${state.order.length.toLocaleString("en")}`;
    const grade = state.grades[row];
    this.frame.dataset.grade = grade || "";
    for (const button of document.querySelectorAll(".grades button"))
      button.setAttribute("aria-pressed", String(button.dataset.grade === grade));
    this.stretches(row);
    this.neighbours();
    this.facts(row);
    this.move();
    this.ahead = [];
    for (let k = 1; k <= AHEAD; k += 1) {
      const next = state.order[state.cursor + k];
      if (next === undefined) break;
      const image = new Image();
      image.src = this.address(next);
      this.ahead.push(image);
    }
  }

  // Large pictures are interpolated by the server; pixels as they are come unchanged.
  address(row) {
    const { state } = this;
    return state.pixels
      ? state.picture(row, "png")
      : `${state.picture(row, "jpeg")}&enlarge=${state.wide ? ENLARGE / 2 : ENLARGE}`;
  }

  async ask(row) {
    const key = this.state.keys[row];
    const details = await this.state.get(`/api/candidates/${key}`);
    if (!details || this.state.keys[this.state.order[this.state.cursor]] !== key) return;
    this.details = details;
    this.facts(row);
    this.marks();
  }

  stretches(row) {
    const { state } = this;
    this.strip.style.setProperty("--views", state.session.views.length);
    this.strip.replaceChildren(
      ...state.session.views.map(([name, label], k) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-pressed", String(name === state.view));
        const image = new Image();
        image.src = state.picture(row, "jpeg", name);
        image.alt = "";
        const text = document.createElement("span");
        text.textContent = label;
        const key = document.createElement("kbd");
        key.textContent = k < 9 ? k + 1 : "";
        text.append(key);
        button.append(image, text);
        button.addEventListener("click", () => this.onView(name));
        return button;
      }),
    );
  }

  neighbours() {
    const { state } = this;
    const cells = [];
    for (let k = -FILM; k <= FILM; k += 1) {
      const at = state.cursor + k;
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      if (at < 0 || at >= state.order.length) {
        button.disabled = true;
      } else {
        const row = state.order[at];
        button.dataset.at = at;
        button.dataset.grade = state.grades[row] || "";
        if (k === 0) button.className = "selected";
        const image = new Image();
        image.src = state.picture(row, "jpeg");
        image.alt = "";
        const badge = document.createElement("span");
        badge.className = "badge";
        badge.textContent = state.grades[row] || "";
        button.append(image, badge);
      }
      cells.push(button);
    }
    this.film.replaceChildren(...cells);
  }

  facts(row) {
    const { state } = this;
    const list = document.getElementById("details");
    const pairs = [];
    const add = (name, value, kind) => {
      if (value === null || value === undefined || value === "") return;
      const term = document.createElement("dt");
      term.textContent = name;
      const text = document.createElement("dd");
      if (kind) text.className = kind;
      text.append(value);
      pairs.push(term, text);
    };
    if (state.blind) {
      add("Blind", "Scores, names and places are hidden.", "soft");
    } else {
      add("Known lens", state.fact("known", row), "mark");
      const prob = state.fact("prob", row);
      add("Probability", prob === null ? null : meter(prob, state.percent(prob)));
      const logit = state.fact("logit", row);
      add("Logit", logit === null ? null : logit.toFixed(2));
      add("Rank", state.fact("rank", row));
      add("Id", state.ids[row], "id");
      const [ra, dec] = [state.fact("ra", row), state.fact("dec", row)];
      if (ra !== null && dec !== null) {
        add("RA, Dec", `${ra.toFixed(6)}, ${dec >= 0 ? "+" : ""}${dec.toFixed(6)}`, "id");
        add("", sexagesimal(ra, dec), "soft");
        add("Elsewhere", links(ra, dec), "links");
      }
      if (this.details) {
        add("Tile", this.details.tile);
        const votes = Object.entries(this.details.votes || {});
        add("Others", votes.map(([who, grade]) => `${who}: ${grade}`).join(", "));
      }
    }
    list.replaceChildren(...pairs);
  }

  zoomTo(zoom) {
    const next = Math.min(12, Math.max(1, zoom));
    this.pan = next === 1 ? [0, 0] : this.pan.map((p) => (p * next) / this.zoom);
    this.zoom = next;
    this.move();
    this.marks();
  }

  move() {
    const limit = ((this.zoom - 1) * this.frame.clientWidth) / 2;
    this.pan = this.pan.map((p) => Math.min(limit, Math.max(-limit, p)));
    this.large.style.transform = `translate(${this.pan[0]}px, ${this.pan[1]}px) scale(${this.zoom})`;
    this.frame.classList.toggle("movable", this.zoom > 1);
    document.getElementById("zoomed").textContent =
      this.zoom > 1 ? `${this.zoom.toFixed(1)}\u00d7` : "";
  }

  // Scale bar and compass over the picture.
  marks() {
    this.overlay.replaceChildren();
    const side = this.frame.clientWidth;
    const { details, state } = this;
    this.overlay.setAttribute("viewBox", `0 0 ${side} ${side}`);
    if (!details || !details.scale || !details.pixels || !side) return;
    const across = details.pixels * (state.wide ? 2 : 1);
    const perArcsec = ((side / across) * this.zoom) / details.scale;
    const lengths = [0.2, 0.5, 1, 2, 5, 10, 20, 60];
    const arcsec = lengths.findLast((each) => each * perArcsec < side / 3.5) || lengths[0];
    const width = arcsec * perArcsec;
    this.line(18, side - 18, 18 + width, side - 18);
    this.text(18 + width / 2, side - 26, `${arcsec}\u2033`);
    if (!details.north || !details.east) return;
    const [x, y] = [side - 44, side - 34];
    for (const [name, [right, up]] of [["N", details.north], ["E", details.east]]) {
      this.line(x, y, x + 20 * right, y - 20 * up);
      this.text(x + 30 * right, y - 30 * up + 4, name);
    }
  }

  line(x1, y1, x2, y2) {
    const line = document.createElementNS(SVG, "line");
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
    this.overlay.append(line);
  }

  text(x, y, content) {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", x);
    text.setAttribute("y", y);
    text.textContent = content;
    this.overlay.append(text);
  }
}

function meter(value, label) {
  const box = document.createElement("span");
  box.className = "meter";
  const bar = document.createElement("i");
  bar.style.transform = `scaleX(${value})`;
  box.append(bar);
  const both = document.createDocumentFragment();
  both.append(label, box);
  return both;
}

function sexagesimal(ra, dec) {
  const split = (value, digits) => {
    const unit = 10 ** digits;
    const total = Math.round(value * 3600 * unit);
    const seconds = (total % (60 * unit)) / unit;
    const minutes = Math.floor(total / (60 * unit));
    const pad = String(seconds.toFixed(digits)).padStart(3 + digits, "0");
    return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}:${pad}`;
  };
  return `${split(ra / 15, 2)} ${dec < 0 ? "\u2212" : "+"}${split(Math.abs(dec), 1)}`;
}

function links(ra, dec) {
  const both = document.createDocumentFragment();
  const addresses = [
    ["Legacy Surveys", `https://www.legacysurvey.org/viewer?ra=${ra}&dec=${dec}&zoom=16`],
    ["ESASky", `https://sky.esa.int/?target=${ra}%20${dec}&fov=0.02`],
    ["SIMBAD", `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${ra}%20${dec}&Radius=5&Radius.unit=arcsec`],
  ];
  for (const [name, address] of addresses) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = name;
    link.target = "_blank";
    link.rel = "noreferrer noopener";
    both.append(link, " ");
  }
  return both;
}
