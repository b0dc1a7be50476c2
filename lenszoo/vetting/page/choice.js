// Which candidates are shown, in which order.

const GRADES = ["A", "B", "C", "X"];

// Rows of the candidates that pass a filter and whose id holds a text, sorted.
export function chosen(state, filter, sort, text) {
  const sought = text.trim().toLowerCase();
  const tests = {
    all: () => true,
    open: (row) => !state.grades[row],
    known: (row) => state.fact("known", row) !== null,
    new: (row) => state.fact("known", row) === null,
    dispute: (row) => new Set([...state.others[row], state.grades[row]].filter(Boolean)).size > 1,
  };
  const test = tests[filter] || ((row) => state.grades[row] === filter);
  const rows = [];
  for (let row = 0; row < state.keys.length; row += 1)
    if (test(row) && (!sought || state.ids[row]?.toLowerCase().includes(sought))) rows.push(row);
  const points = (row) => (state.grades[row] ? GRADES.indexOf(state.grades[row]) : GRADES.length);
  const ra = (row) => state.fact("ra", row) ?? 999;
  const sorts = {
    last: () => rows.reverse(),
    random: () => rows.sort((a, b) => (state.keys[a] < state.keys[b] ? -1 : 1)),
    grade: () => rows.sort((a, b) => points(a) - points(b) || a - b),
    ra: () => rows.sort((a, b) => ra(a) - ra(b)),
    id: () => rows.sort((a, b) => state.ids[a].localeCompare(state.ids[b], "en", { numeric: true })),
  };
  sorts[sort]?.();
  return rows;
}
