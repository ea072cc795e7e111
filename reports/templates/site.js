// Loads the pieces of verdicts that a page needs, filters and sorts them, and shows single cases. Everything it
// shows is text that it was handed: no markup is ever built from a string. What a file hands over comes by
// `assay.NAME(…)`, since a page from a file may load scripts and nothing else.
"use strict";

const assay = (() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const embedded = $("#page");
  const page = embedded ? JSON.parse(embedded.textContent) : {};
  const root = $("link[rel=stylesheet]").getAttribute("href").replace("site.css", "");
  const AT_ONCE = 100;

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.flat(3).filter((child) => child !== null && child !== "" && child !== undefined));
    return element;
  }

  const count = (number) => number.toLocaleString("en-US");
  const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  const breakable = (text) => text.split(/(?<=[./,_])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
  const mark = (outcome) => h("i", { class: "mark", "aria-hidden": "true" }, page.marks[outcome]);
  const badge = (outcome) => h("span", { class: `badge ${outcome}` }, mark(outcome), ` ${outcome}`);

  function magnitude(value) {
    if (value === null) return "";
    if (value < 0) return "∞";
    if (value === 0) return "0";
    if (value >= 1e-3 && value < 1e5) return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumSignificantDigits: 3 });
    const [mantissa, exponent] = value.toExponential(2).split("e");
    const power = String(Number(exponent)).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
    return `${Number(mantissa)}×10${power}`.replace(/^1×/, "");
  }

  const size = (margin) => (margin === null ? -1 : margin < 0 ? Infinity : margin);
  const waiting = new Map();

  function load(name) {
    return new Promise((loaded) => {
      const script = h("script", { src: `${root}data/${name}.js` });
      script.addEventListener("load", loaded);
      script.addEventListener("error", loaded);
      document.body.append(script);
    });
  }

  // --- a table of which more and more is shown

  function table(place, head, rows, row) {
    const body = h("tbody");
    const more = h("button", { type: "button", class: "more" });
    let shown = 0;
    function add() {
      body.append(...rows.slice(shown, shown + AT_ONCE).map(row));
      shown = Math.min(shown + AT_ONCE, rows.length);
      more.hidden = shown === rows.length;
      more.textContent = `Show more of the other ${count(rows.length - shown)}`;
    }
    more.addEventListener("click", add);
    add();
    const caption = h("caption", {}, place.closest("[aria-label]").getAttribute("aria-label"));
    place.replaceChildren(h("table", { class: "plain" }, caption, h("thead", {}, h("tr", {}, head)), body), more);
  }

  const choices = (select, values) => {
    const had = new Set([...select.options].map((option) => option.value));
    select.append(...values.filter((value) => !had.has(String(value[0]))).map(([value, text]) => h("option", { value }, text)));
  };

  // --- the verdicts of a page

  const verdicts = [];
  const pieces = new Map();
  const form = $(".choice");
  const dtype = (id) => (id.split("/").length === 4 ? id.split("/")[1] : "");

  function piece(number, data) {
    const [, spec, api] = page.pieces.find((known) => known[0] === number);
    pieces.set(number, data);
    for (let i = 0; i < data.case.length; i++) verdicts.push({ spec, api, data, i, id: data.cases[data.case[i]], place: data.place[i], outcome: data.outcome[i], margin: data.margin[i] });
  }

  const wanted = () => ({ q: form.elements.q.value.trim().toLowerCase(), outcome: form.elements.outcome.value, dtype: form.elements.dtype.value, place: form.elements.place.value });
  const whole = (verdict) => `${verdict.spec}/${verdict.id}`;

  function detail(verdict) {
    const { strings, details, detail: at } = verdict.data;
    const [[check, profile, told, explained, deviation, inForce, notes], worst, margins, script] = details[at[verdict.i]];
    const text = (n) => strings[n];
    return {
      check: text(check), profile: text(profile), told: text(told), explained: text(explained), deviation: text(deviation), inForce: text(inForce), notes: text(notes),
      worst, margins: (margins || []).map(([name, ...rest]) => [text(name), ...rest]), script: (script || []).map(text).join("\n"),
    };
  }

  function list() {
    const { q, ...exact } = wanted();
    const found = verdicts.filter((v) => (!exact.outcome || page.outcomes[v.outcome] === exact.outcome) && (!exact.dtype || dtype(v.id) === exact.dtype)
      && (!exact.place || String(v.place) === exact.place) && (!q || `${whole(v)}\n${v.api}\n${detail(v).told}`.toLowerCase().includes(q)));
    found.sort((a, b) => a.outcome - b.outcome || size(b.margin) - size(a.margin));
    const head = ["case", "API and target", "outcome", "margin"].map((name, i) => h("th", { scope: "col", class: i === 3 ? "number" : "" }, name));
    table($(".listing"), head, found, (v) => h("tr", {},
      h("td", {}, h("button", { type: "button", class: "case", onclick: () => { location.hash = `case=${whole(v)}&api=${v.api}&place=${v.place}`; } }, breakable(v.id))),
      h("td", {}, h("code", {}, breakable(v.api)), h("br"), h("small", {}, page.places[v.place][0])),
      h("td", {}, badge(page.outcomes[v.outcome])), h("td", { class: "number" }, magnitude(v.margin))));
    const left = page.pieces.length - pieces.size;
    $("output", form).textContent = `${count(found.length)} of ${plural(verdicts.length, "verdict")}${left ? ", loading" : ""}`;
  }

  // --- the sheet: one case

  const sheet = $(".sheet");
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  const line = (verb, v) => h("p", { class: "command" }, h("code", {}, `assay ${verb} ${quoted(whole(v))} --implementation ${quoted(v.api)} ${page.places[v.place][1]}`.trim()));

  function facts(pairs) {
    const rows = pairs.filter(([, value]) => value);
    return rows.length ? h("dl", { class: "numbers" }, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : "";
  }

  function show(v, same) {
    const told = detail(v);
    const [at, got, expected, tolerance, ulps, wrong, of] = told.worst || [];
    const margins = told.margins.map(([name, worst, rms]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, magnitude(worst)), h("td", { class: "number" }, magnitude(rms))));
    const others = same.map((o) => h("tr", { class: o === v ? "here" : "" }, h("td", {}, badge(page.outcomes[o.outcome])),
      h("td", {}, h("a", { href: `#case=${encodeURIComponent(whole(o))}&api=${encodeURIComponent(o.api)}&place=${o.place}` }, breakable(o.api)), h("br"), h("small", {}, page.places[o.place][0])), h("td", {}, magnitude(o.margin))));
    sheet.replaceChildren(
      h("header", {}, h("p", {}, "Case"), h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => sheet.close() }, "×")),
      h("div", {},
        h("p", {}, badge(page.outcomes[v.outcome]), told.check ? ` ${told.check}` : ""),
        h("h2", { class: "case", id: "sheet-title" }, breakable(whole(v))),
        h("p", { class: "where" }, v.api, ` on ${page.places[v.place][0]}`),
        told.told ? h("p", { class: "message" }, told.told) : "",
        told.worst ? facts([["worst at", at], ["got", got], ["expected", expected], ["tolerance", `± ${tolerance}`], ["distance", ulps === null ? "" : `${magnitude(ulps)} ulp`], ["wrong", `${count(wrong)} of ${plural(of, "element")}`]]) : "",
        facts([["margin", margins.length || v.margin === null ? "" : `${magnitude(v.margin)} × tolerance`], ["profile", told.profile], ["would be explained by", told.explained], ["deviation on file", told.deviation], ["notes", told.notes], ["in force", told.inForce]]),
        margins.length ? h("table", { class: "gauges" }, h("caption", {}, "Errors by array"), h("thead", {}, h("tr", {}, ["array", "error / tolerance", "rms"].map((name, i) => h("th", { scope: "col", class: i ? "number" : "" }, name)))), h("tbody", {}, margins)) : "",
        h("h3", {}, "Look closer"), line("explain", v), line("repro", v),
        told.script ? [h("h3", {}, "Reproduction, without assay"), h("div", { class: "script" }, h("pre", { tabindex: "0" }, h("code", {}, told.script)))] : "",
        others.length > 1 ? [h("h3", {}, "The same case elsewhere"), h("table", { class: "rows" }, h("caption", {}, "The same case elsewhere"), h("tbody", {}, others))] : ""));
    if (!sheet.open) sheet.showModal();
    sheet.scrollTop = 0;
  }

  // The part behind # names a case, or what is searched for.
  function go() {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.get("q") !== null && form) { form.elements.q.value = asked.get("q"); list(); $("#verdicts").scrollIntoView(); }
    const same = verdicts.filter((v) => whole(v) === asked.get("case"));
    const fits = same.filter((v) => (!asked.get("api") || v.api === asked.get("api")) && (!asked.get("place") || String(v.place) === asked.get("place")));
    fits.sort((a, b) => a.outcome - b.outcome || size(b.margin) - size(a.margin));
    if (fits.length) show(fits[0], same);
    else if (sheet.open) sheet.close();
  }

  async function content() {
    choices(form.elements.place, [...new Set(page.places.keys())].map((n) => [n, page.places[n][0]]));
    for (const [number] of page.pieces) {
      await load(number);
      if (pieces.size % 8 === 1) list();
    }
    choices(form.elements.outcome, [...new Set(verdicts.map((v) => v.outcome))].sort((a, b) => a - b).map((o) => [page.outcomes[o], page.outcomes[o]]));
    choices(form.elements.dtype, [...new Set(verdicts.map((v) => dtype(v.id)))].filter(Boolean).sort().map((d) => [d, d]));
    const had = new Set(verdicts.map((v) => String(v.place)));
    for (const option of [...form.elements.place.options]) if (option.value && !had.has(option.value)) option.remove();
    list();
    go();
  }

  // --- a table that is there is sorted where it stands

  function sortable(element, heads, sort) {
    heads.forEach((head, i) => {
      const button = h("button", { type: "button", onclick: () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(i, down);
      } }, head.textContent);
      head.replaceChildren(button);
    });
  }

  function inPlace(element) {
    const body = $("tbody", element);
    const value = (row, i) => {
      const cell = row.children[i];
      const number = Number((cell.dataset.value ?? cell.textContent).replaceAll(",", "").replace("inf", "Infinity"));
      return cell.classList.contains("number") ? (cell.textContent === "" ? -1 : number) : cell.textContent;
    };
    sortable(element, $$("thead th", element), (i, down) => {
      const rows = [...body.children].sort((a, b) => (value(a, i) < value(b, i) ? -1 : value(a, i) > value(b, i) ? 1 : 0));
      body.replaceChildren(...(down ? rows.reverse() : rows));
    });
  }

  // --- how accurate each is

  const measured = [];
  const order = { column: 6, down: true };

  function accuracy(strings, rows) {
    for (const row of rows) measured.push([...row.slice(0, 5).map((n) => strings[n]), ...row.slice(5)]);
  }

  function listAccuracy() {
    const { q, dtype: chosen, passing } = form.elements;
    const text = q.value.trim().toLowerCase();
    const found = measured.filter((row) => (!chosen.value || row[2] === chosen.value) && (!passing.value || row[4] === passing.value) && (!text || `${row[0]}\n${row[1]}\n${row[3]}`.toLowerCase().includes(text)));
    const value = (row) => (order.column > 5 && order.column < 9 ? size(row[order.column]) : row[order.column]);
    found.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (order.down ? -1 : 1));
    const columns = [[0, "spec"], [1, "API"], [2, "dtype"], [3, "target"], [5, "verdicts"], [6, "largest"], [7, "99 %"], [8, "ulp"], [9, "the case that shows it"]];
    const heads = columns.map(([c, name]) => h("th", { scope: "col", class: c > 4 && c < 9 ? "number" : "", "aria-sort": c === order.column ? (order.down ? "descending" : "ascending") : null }, name));
    sortable(null, heads, (i, down) => { order.column = columns[i][0]; order.down = down; listAccuracy(); $$(".accuracy th button")[i].focus(); });
    table($(".accuracy"), heads, found, ([spec, api, type, target, outcome, n, largest, percentile, ulps, id]) => h("tr", {},
      h("td", {}, h("a", { href: `specs/${spec}.html` }, breakable(spec))), h("td", {}, h("a", { href: `apis/${encodeURIComponent(page.files[api])}.html` }, h("code", {}, breakable(api)))), h("td", {}, type), h("td", {}, target), h("td", { class: "number" }, count(n)),
      h("td", { class: `number ${outcome}${outcome === "conforms" || outcome === "deviates" ? "" : " bad"}`, title: outcome }, magnitude(largest)), h("td", { class: "number" }, magnitude(percentile)), h("td", { class: "number" }, magnitude(ulps)),
      h("td", {}, h("a", { href: `specs/${spec}.html#case=${encodeURIComponent(`${spec}/${id}`)}&api=${encodeURIComponent(api)}` }, breakable(id)))));
    $("output", form).textContent = plural(found.length, "row");
  }

  async function accuracies() {
    for (let n = 0; n < page.accuracies; n++) await load(`accuracy-${n}`);
    choices(form.elements.dtype, [...new Set(measured.map((row) => row[2]))].filter(Boolean).sort().map((d) => [d, d]));
    listAccuracy();
  }

  // --- the search of the index

  let known = [];
  const names = (specs, apis) => {
    known = [...specs.map(([name, family, summary]) => [`specs/${name}.html`, name, `${family}: ${summary}`]), ...apis.map(([name, file]) => [`apis/${encodeURIComponent(file)}.html`, name, "API"])];
    search();
  };

  function search() {
    const text = $(".search input").value.trim();
    const [spec, ...rest] = text.split("/");
    const low = text.toLowerCase();
    const found = text ? known.filter(([, name, about]) => `${name} ${about}`.toLowerCase().includes(low)) : [];
    found.sort((a, b) => Number(b[1].toLowerCase().startsWith(low)) - Number(a[1].toLowerCase().startsWith(low)) || a[1].length - b[1].length);
    const exact = rest.length ? known.filter(([, name, about]) => name === spec && about !== "API").map(([href, name]) => [`${href}#${rest.length === 4 ? "case" : "q"}=${encodeURIComponent(text)}`, text, `cases of ${name}`]) : [];
    const hits = [...exact, ...found].slice(0, 12);
    $(".hits").replaceChildren(...(text && !hits.length ? [h("li", {}, `Nothing here is called ${text}.`)] : hits.map(([href, name, about]) => h("li", {}, h("a", { href }, breakable(name), h("small", {}, about))))));
  }

  function start() {
    document.documentElement.classList.add("js");
    const finder = $(".search");
    if (finder) {
      finder.addEventListener("input", search);
      finder.addEventListener("submit", (event) => { event.preventDefault(); const first = $(".hits a"); if (first) location.href = first.href; });
      const q = new URLSearchParams(location.hash.slice(1)).get("q");
      if (q) $("input", finder).value = q;
      search();
    }
    $$(".sortable").forEach(inPlace);
    if (form) {
      let timer = 0;
      const listed = page.pieces ? list : listAccuracy;
      form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(listed, 120); });
      form.addEventListener("submit", (event) => event.preventDefault());
    }
    sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
    sheet.addEventListener("close", () => { if (location.hash.includes("case=")) history.replaceState(null, "", location.pathname); });
    addEventListener("hashchange", go);
    if (page.pieces) content();
    else if (page.accuracies !== undefined) accuracies();
  }

  addEventListener("DOMContentLoaded", start);
  return { piece, accuracy, names };
})();
