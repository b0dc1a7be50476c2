// Agreement: each grader against the truth, each two against one another, what they dispute.

const GRADES = ["A", "B", "C", "X"];

export async function showAgreement(state, onOpen) {
  const box = document.getElementById("agreement");
  const facts = await state.get("/api/agreement");
  if (!facts) return;
  const parts = [heading("Graders")];
  if (!facts.graders.length) {
    box.replaceChildren(heading("Agreement"), note("No grades yet. Grade some candidates first."));
    return;
  }
  const share = ([right, all]) => (all ? `${right} of ${all}` : "\u2013");
  parts.push(
    table(
      ["Grader", ...GRADES, "Graded", "Time each", "Known lenses", "Control lenses", "Other controls"],
      facts.graders.map((each) => [
        each.name,
        ...GRADES.map((grade) => each.counts[grade].toLocaleString("en")),
        GRADES.reduce((sum, grade) => sum + each.counts[grade], 0).toLocaleString("en"),
        each.seconds === null ? "\u2013" : `${each.seconds.toFixed(1)} s`,
        share(each.listed),
        share(each.lenses),
        share(each.others),
      ]),
    ),
    note(
      "Known and control lenses count as recognised with A or B, other controls with X. Controls " +
        "are mixed in while grading is blind; the columns A to X do not count them.",
    ),
    heading("Weighted kappa"),
  );
  if (facts.pairs.length) {
    parts.push(
      table(
        ["Graders", "Kappa", "95 %", "In common"],
        facts.pairs.map((pair) => [
          `${pair.first} and ${pair.second}`,
          pair.value === null ? "\u2013" : pair.value.toFixed(2),
          pair.low === null ? "\u2013" : `${pair.low.toFixed(2)} to ${pair.high.toFixed(2)}`,
          pair.n.toLocaleString("en"),
        ]),
      ),
      note(
        "Cohen's kappa with quadratic weights: 1 where two agree, 0 where they agree as often as " +
          "by chance.",
      ),
    );
  } else {
    parts.push(note("One grader so far. A second one grades under another name."));
  }
  if (facts.disputed.length) {
    parts.push(heading("Most disputed"));
    const list = document.createElement("div");
    list.className = "disputed";
    for (const each of facts.disputed) {
      const button = document.createElement("button");
      button.type = "button";
      const image = new Image();
      image.src = state.pictureOf(each.key, "jpeg");
      image.alt = each.id;
      const text = document.createElement("span");
      text.textContent = Object.entries(each.votes)
        .map(([who, grade]) => `${who} ${grade}`)
        .join(", ");
      button.append(image, text);
      button.addEventListener("click", () => onOpen(each.key));
      list.append(button);
    }
    parts.push(list);
  }
  parts.push(heading("Take it along"));
  if (!state.session.always_blind) {
    const link = document.createElement("a");
    link.href = "/grades.csv";
    link.textContent = "grades.csv";
    link.className = "download";
    parts.push(link);
  }
  parts.push(note("A catalogue to train a finder on: lenszoo vet RESULTS --export VOTES"));
  if (facts.gone)
    parts.push(note(`${facts.gone} graded candidates are in the results no more; they are kept.`));
  box.replaceChildren(...parts);
}

function heading(text) {
  const element = document.createElement("h2");
  element.textContent = text;
  return element;
}

function note(text) {
  const element = document.createElement("p");
  element.className = "soft";
  element.textContent = text;
  return element;
}

function table(names, rows) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = element.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((value, k) => {
      const cell = document.createElement(k ? "td" : "th");
      if (!k) cell.scope = "row";
      cell.textContent = value;
      line.append(cell);
    });
  }
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.append(element);
  return scroll;
}
