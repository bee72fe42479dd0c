// Reads page.json twice a second and shows it. Whatever a device or a cluster tells ends up as text, never as markup.
const PAUSE = 500;
const PATIENCE = 3000;
const byId = (id) => document.getElementById(id);
let drawing = "";
let answered = Date.now();

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // so that a screen reader says only what has changed
}

// Let the children of an element be those of a list, each kept as long as its key is there.
function keep(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const child = old.get(key) ?? create(item);
    child.dataset.key = key;
    update(child, item);
    return child;
  });
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

function lines(parent, tag, texts) {
  keep(parent, texts.map((text, place) => [place, text]), ([place]) => place, () => make(tag), (child, [, text]) => write(child, text));
}

// --- devices ---

function newCard(svg) {
  const card = make("article", { className: "card" });
  card.append(make("h2", {}, make("span"), " ", make("small")), document.importNode(svg, true));
  card.append(make("p", { className: "sentence" }), make("ul", { className: "problems" }), make("dl"));
  card.querySelector(".sentence").setAttribute("aria-live", "polite");
  card.querySelector(".problems").setAttribute("aria-live", "polite");
  return card;
}

function showCard(element, card) {
  element.dataset.device = card.name;
  write(element.querySelector("h2 span"), card.name);
  write(element.querySelector("h2 small"), card.host);
  const svg = element.querySelector("svg");
  for (const [name, value] of Object.entries(card.attributes)) if (svg.dataset[name] !== value) svg.dataset[name] = value;
  for (const place of svg.querySelectorAll("[data-text]")) write(place, card.texts[place.dataset.text] ?? "");
  svg.setAttribute("aria-label", `${card.name}: ${card.sentence}`);
  write(element.querySelector(".sentence"), card.sentence);
  lines(element.querySelector(".problems"), "li", card.problems);
  const facts = card.facts.flatMap(([name, value], place) => [["dt", name, place], ["dd", value, place]]);
  keep(element.querySelector("dl"), facts, ([tag, , place]) => tag + place, ([tag]) => make(tag), (child, [, text]) => write(child, text));
}

// --- buttons ---

async function order(control, input) {
  const pressed = control.dataset.pressed === "true";
  const argument = pressed ? "off" : input ? input.value : "";
  const body = `${control.dataset.order} ${argument}`.trim();
  try {
    const answer = await fetch("panel/order", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const told = await answer.json();
    write(byId("said"), told.ok ? told.said ?? `Done: ${body}.` : `Not done: ${told.error}`);
  } catch (error) {
    write(byId("said"), `Not done: ${error.message}`);
  }
}

function newControl(control) {
  const element = make("div", { className: "control" });
  const button = make("button", { type: "button" });
  element.append(button);
  let input = null;
  if (control.argument) {
    input = make("input", { value: control.example });
    input.setAttribute("aria-label", `${control.label}: ${control.argument}`);
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") button.click(); });
    element.append(input);
  }
  if (control.hint) {
    const hint = make("small", { id: `hint ${control.order}`.replaceAll(" ", "-") }, control.hint);
    button.setAttribute("aria-describedby", hint.id);
    element.append(hint);
  }
  button.addEventListener("click", () => order(button, input));
  return element;
}

function showControl(element, control) {
  const button = element.querySelector("button");
  write(button, control.label);
  button.dataset.order = control.order;
  button.disabled = Boolean(control.disabled);
  if ("pressed" in control) {
    button.dataset.pressed = String(control.pressed);
    button.setAttribute("aria-pressed", String(control.pressed));
  }
}

// --- everything ---

function showGroup(element, group) {
  const legend = { order: "legend", title: group.title };
  keep(element, [legend, ...group.items], (item) => item.order, (item) => (item === legend ? make("legend") : newControl(item)),
    (child, item) => (item === legend ? write(child, item.title) : showControl(child, item)));
}

function newTable(table) {
  const head = table.head.map((word) => make("th", { scope: "col" }, word));
  return make("table", {}, make("caption", {}, table.title), make("thead", {}, make("tr", {}, ...head)), make("tbody"));
}

function showTable(element, table) {
  keep(element.querySelector("tbody"), table.rows.map((cells, place) => ({ cells, key: table.rows.length - place })), (row) => row.key,
    ({ cells }) => make("tr", {}, ...cells.map(() => make("td"))),
    (child, { cells }) => cells.forEach((cell, place) => write(child.children[place], cell)));
}

function showVerdict(element, verdict) {
  element.hidden = !verdict;
  if (!verdict) return;
  element.className = verdict.severity;
  write(element.firstElementChild, verdict.text);
  write(element.lastElementChild, `Next step: ${verdict.next_step}`);
}

async function show(state) {
  drawing ||= await (await fetch("panel/device.svg")).text();
  document.title = state.title;
  write(byId("title"), state.title);
  showVerdict(byId("verdict"), state.verdict);
  const svg = new DOMParser().parseFromString(drawing, "image/svg+xml").documentElement;
  keep(byId("cards"), state.cards, (card) => card.name, () => newCard(svg), showCard);
  keep(byId("controls"), state.controls ?? [], (group) => group.title, (group) => make("fieldset", { className: group.kind ?? "" }), showGroup);
  const columns = (table) => [table.title, ...table.head].join(); // a table keeps the columns that it began with
  keep(byId("tables"), state.tables ?? [], columns, newTable, showTable);
}

function tell(trouble) {
  const source = byId("source");
  source.classList.toggle("lost", Boolean(trouble));
  document.body.classList.toggle("lost", Boolean(trouble));
  write(source, trouble || "Live.");
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch("panel/page.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const state = await answer.json();
      await show(state);
      answered = Date.now();
      tell(state.trouble);
    } catch (error) {
      const since = Math.round((Date.now() - answered) / 1000);
      if (since >= 1) tell(`No answer for ${since} s: what is shown is old.`);
    }
  }
  setTimeout(look, PAUSE);
}

look();
