// Filters, counts again and shows single cases. Everything it shows is text that it was handed: no markup
// is ever built from a string.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { outcomes, marks, scale, strings, cells, cases, details } = data;
  const column = data.verdicts;
  const total = column.case.length;
  const failing = new Set(data.failing.map((name) => outcomes.indexOf(name)));
  const known = outcomes.indexOf("deviates");
  const caseSpecs = cases.map((id) => id.split("/", 1)[0]);
  const caseDtypes = cases.map((id) => (id.split("/").length === 5 ? id.split("/")[2] : ""));
  const frameworks = cells.map(([, , target]) => data.targets[target].framework);
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- building blocks

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== ""));
    return element;
  }

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const mark = (outcome) => h("i", { class: "mark", "aria-hidden": "true" }, marks[outcome]);
  const badge = (outcome) => h("span", { class: `badge ${outcome}` }, mark(outcome), ` ${outcome}`);
  const count = (number) => number.toLocaleString("en-US");
  const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
  const breakable = (text) => text.split(/(?<=[./,_])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));

  function magnitude(value) {
    if (value === null) return "";
    if (value < 0) return "∞";
    if (value === 0) return "0";
    if (value >= 1e-3 && value < 1e5) return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumSignificantDigits: 3 });
    const [mantissa, exponent] = value.toExponential(2).split("e");
    const power = String(Number(exponent)).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
    return `${Number(mantissa)}×10${power}`.replace(/^1×/, "");
  }

  async function copy(text, button) {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = h("textarea", { style: "position: fixed; opacity: 0" });
      area.value = text;
      (button.closest("dialog") || document.body).append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = said; }, 1200);
  }

  const copyButton = (text) => h("button", { type: "button", class: "copy", onclick: (e) => copy(text, e.currentTarget) }, "Copy");
  const commandLine = (text) => h("p", { class: "command" }, h("code", {}, text), copyButton(text));
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

  function command(verb, verdict) {
    const [, implementation, target] = cells[column.cell[verdict]];
    const words = `assay ${verb} ${quoted(cases[column.case[verdict]])} --implementation ${quoted(implementation)}`;
    return `${words} ${data.targets[target].options}`.trim();
  }

  function detail(verdict) {
    const row = details[column.detail[verdict]];
    if (!row) return { check: "", message: "", explained: "", deviation: "", notes: [], margins: [], worst: null, script: [] };
    const [check, message, explained, deviation, notes, margins, worst, digest, seconds, script] = row;
    return {
      check: strings[check], message: strings[message], explained: strings[explained], deviation: strings[deviation],
      notes: notes.map((n) => strings[n]), margins: margins.map(([name, ...rest]) => [strings[name], ...rest]),
      worst, digest, seconds, script: script.map((n) => strings[n]),
    };
  }

  // --- addresses: the part behind # holds the filter and what the sheet shows

  const FILTERS = ["q", "framework", "family", "dtype", "outcome"];

  function address(sheet = {}) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...readForm(), ...sheet })) if (value) parameters.set(name, value);
    return `#${parameters.toString().replaceAll("%2F", "/").replaceAll("%2C", ",")}`;
  }

  const cellAddress = ([spec, implementation, target]) => address({ spec, implementation, target });
  const caseAddress = (verdict) => {
    const [, implementation, target] = cells[column.cell[verdict]];
    return address({ case: cases[column.case[verdict]], implementation, target });
  };

  // --- the filter

  const form = $(".filters");
  const shown = new Uint8Array(total).fill(1);
  const haystacks = new Array(total);

  function haystack(verdict) {
    if (haystacks[verdict] === undefined) {
      const { check, message, explained, deviation } = detail(verdict);
      const parts = [cases[column.case[verdict]], ...cells[column.cell[verdict]], data.profiles[column.profile[verdict]], check, message, explained, deviation];
      haystacks[verdict] = parts.join("\n").toLowerCase();
    }
    return haystacks[verdict];
  }

  function fillFilters() {
    const add = (name, values) => values.forEach((value) => form.elements[name].append(h("option", { value }, value.replaceAll("_", " "))));
    add("framework", [...new Set(frameworks)]);
    add("family", [...new Set(Object.values(data.families))]);
    add("dtype", data.dtypes);
    const present = new Set(column.outcome);
    outcomes.forEach((outcome, number) => {
      if (!present.has(number)) return;
      const box = h("input", { type: "checkbox", name: "outcome", value: outcome });
      $(".toggles").append(h("label", { class: outcome, title: data.meanings[outcome] }, box, h("span", {}, mark(outcome), ` ${outcome}`)));
    });
  }

  function readForm() {
    const values = new FormData(form);
    const state = Object.fromEntries(FILTERS.map((name) => [name, values.get(name) || ""]));
    state.outcome = values.getAll("outcome").join(",");
    state.q = state.q.trim();
    return state;
  }

  function writeForm(state) {
    for (const name of ["q", "framework", "family", "dtype"]) {
      if ((form.elements[name].value || "").trim() !== (state[name] || "")) form.elements[name].value = state[name] || "";
    }
    const chosen = new Set((state.outcome || "").split(","));
    $$("input[name=outcome]", form).forEach((box) => { box.checked = chosen.has(box.value); });
  }

  let applied = null;

  function applyFilter() {
    const state = readForm();
    const key = JSON.stringify(state);
    if (key === applied) return;
    const first = applied === null;
    applied = key;
    const active = Object.values(state).some(Boolean);
    form.classList.toggle("active", active);
    const wanted = new Set(state.outcome ? state.outcome.split(",").map((o) => outcomes.indexOf(o)) : []);
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const okCell = cells.map(([spec], i) => (!state.framework || frameworks[i] === state.framework) && (!state.family || data.families[spec] === state.family));
    const okCase = cases.map((_, i) => !state.dtype || caseDtypes[i] === state.dtype);
    let passing = 0;
    for (let v = 0; v < total; v++) {
      const ok = okCell[column.cell[v]] && okCase[column.case[v]] && (!wanted.size || wanted.has(column.outcome[v])) && words.every((w) => haystack(v).includes(w));
      shown[v] = ok ? 1 : 0;
      passing += shown[v];
    }
    $("output", form).textContent = active ? `${count(passing)} of ${plural(total, "verdict")}` : plural(total, "verdict");
    if (!(first && !active)) {
      recountMatrix(active);
      recountFindings();
      redrawStrips(active);
      filterSpecs(state);
    }
    listVerdicts(passing);
  }

  // --- the matrix

  const chips = $$(".chip").map((element) => ({ element, number: Number(element.dataset.cell) }));

  function recountMatrix(active) {
    const counts = cells.map(() => new Uint32Array(outcomes.length));
    for (let v = 0; v < total; v++) if (shown[v]) counts[column.cell[v]][column.outcome[v]]++;
    for (const { element, number } of chips) {
      const found = outcomes.filter((_, o) => counts[number][o]);
      element.className = `chip ${found[0] || "unasked"}`;
      element.hidden = active && !found.length;
      const parts = found.reverse().map((outcome) => [
        h("span", { class: outcome }, String(counts[number][outcomes.indexOf(outcome)]), mark(outcome), h("span", { class: "said" }, ` ${outcome}`)), " ",
      ]);
      $(".counts", element).replaceChildren(...parts.flat());
    }
    for (const body of $$(".matrix tbody")) {
      for (const row of $$("tr:not(.family)", body)) row.hidden = active && !$(".chip:not([hidden])", row);
      body.hidden = !$("tr:not(.family):not([hidden])", body);
    }
  }

  // --- findings

  const themes = $$(".theme").map((element) => ({
    element,
    findings: $$(".finding", element).map((line) => ({ line, verdicts: data.findings[Number(line.dataset.finding)] })),
  }));

  function recountFindings() {
    let visible = 0;
    for (const { element, findings } of themes) {
      for (const { line, verdicts } of findings) line.hidden = !verdicts.some((v) => shown[v]);
      const passing = findings.filter(({ line }) => !line.hidden);
      element.hidden = !passing.length;
      visible += passing.length;
    }
    themes.forEach(tellTheme);
    const all = data.findings.length;
    $("#findings .count").textContent = visible === all ? count(all) : `${count(visible)} of ${count(all)}`;
  }

  function tellTheme({ element, findings }) {
    const verdicts = findings.flatMap((finding) => finding.verdicts.filter((v) => shown[v]));
    $("summary", element).textContent = verdicts.length === 1 ? "The case" : `All ${plural(verdicts.length, "case")}`;
    const severalCells = new Set(verdicts.map((v) => column.cell[v])).size > 1;
    if ($("details", element).open) list($(".listing", element), sorted(verdicts), { api: severalCells, where: severalCells });
  }

  function prepareFindings() {
    for (const theme of themes) {
      tellTheme(theme);
      $("details", theme.element).addEventListener("toggle", () => tellTheme(theme));
      const code = $(".command code", theme.element);
      code.after(copyButton(code.textContent));
    }
  }

  // --- lists of verdicts, a hundred at a time

  function severity(verdict) {
    const margin = column.margin[verdict];
    return margin === null ? 0 : margin < 0 ? Infinity : margin;
  }

  const sorted = (verdicts) => verdicts.sort((a, b) => column.outcome[a] - column.outcome[b] || (severity(b) > severity(a) ? 1 : severity(b) < severity(a) ? -1 : a - b));

  function row(verdict, { where = true, api = false }) {
    const outcome = outcomes[column.outcome[verdict]];
    const [, implementation, target] = cells[column.cell[verdict]];
    const margin = column.margin[verdict];
    return h("tr", {},
      h("td", {}, badge(outcome)),
      h("td", {}, h("a", { href: caseAddress(verdict) }, breakable(cases[column.case[verdict]]))),
      api ? h("td", { class: "api" }, breakable(implementation)) : null,
      where ? h("td", { class: "target" }, target) : null,
      h("td", {}, margin === null ? "" : `${magnitude(margin)} ×`));
  }

  function list(place, verdicts, columns) {
    const body = h("tbody");
    const more = h("button", { type: "button", class: "more", onclick: () => show() });
    let next = 0;
    function show() {
      const upTo = Math.min(next + 100, verdicts.length);
      for (; next < upTo; next++) body.append(row(verdicts[next], columns));
      more.textContent = `Show more (${count(verdicts.length - next)} left)`;
      more.hidden = next >= verdicts.length;
    }
    show();
    place.replaceChildren(verdicts.length ? h("table", { class: "rows" }, body) : h("p", { class: "none" }, "No verdict passes the filter."), more);
  }

  let pending = null;
  const onSight = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) flushVerdicts(); }, { rootMargin: "600px" });

  function listVerdicts(passing) {
    $("#verdicts .count").textContent = count(passing);
    pending = true;
    onSight.unobserve($("#verdicts"));
    onSight.observe($("#verdicts"));
  }

  function flushVerdicts() {
    if (!pending) return;
    pending = null;
    const verdicts = [];
    for (let v = 0; v < total; v++) if (shown[v]) verdicts.push(v);
    list($("#verdicts .listing"), sorted(verdicts), { api: true });
  }

  // --- the distribution of margins: same places and heights as the page was drawn with

  function place(margin) {
    if (margin === 0) return 0;
    const start = 2 + scale.gap;
    if (margin < 0) return start + scale.bins + scale.gap;
    const index = Math.floor((Math.log10(margin) - scale.low) * scale.perDecade);
    return start + Math.min(Math.max(index, 0), scale.bins - 1);
  }

  function spectrum() {
    return { good: new Map(), known: new Map(), bad: new Map(), worst: null };
  }

  function note(found, verdict) {
    const margin = column.margin[verdict];
    if (margin === null) return;
    const kind = failing.has(column.outcome[verdict]) ? "bad" : column.outcome[verdict] === known ? "known" : "good";
    const at = place(margin);
    found[kind].set(at, (found[kind].get(at) || 0) + 1);
    if (found.worst === null || severity(verdict) > (found.worst < 0 ? Infinity : found.worst)) found.worst = margin;
  }

  function outline(found, kind) {
    const tallest = Math.max(1, ...found.good.values(), ...found.known.values(), ...found.bad.values());
    return [...found[kind]].sort((a, b) => a[0] - b[0]).map(([at, n]) => {
      const height = Math.max(8, Math.round(100 * Math.sqrt(n / tallest)));
      const width = at === 0 || at === scale.width - 2 ? 2 : 1;
      return `M${at} 100v-${height}h${width}v${height}z`;
    }).join("");
  }

  function redraw(strip, found) {
    for (const kind of ["good", "known", "bad"]) $(`path.${kind}`, strip).setAttribute("d", outline(found, kind));
    const worst = $(".worst", strip);
    worst.textContent = magnitude(found.worst);
    worst.classList.toggle("bad", found.bad.size > 0);
  }

  function redrawStrips(active) {
    const found = new Map([["", spectrum()]]);
    for (let v = 0; v < total; v++) {
      if (!shown[v]) continue;
      const spec = cells[column.cell[v]][0];
      if (!found.has(spec)) found.set(spec, spectrum());
      note(found.get(""), v);
      note(found.get(spec), v);
    }
    for (const strip of $$("#margins .strip")) {
      const here = found.get(strip.dataset.spec) || spectrum();
      strip.hidden = active && strip.dataset.spec !== "" && here.worst === null;
      redraw(strip, here);
    }
  }

  const one = 2 + scale.gap - scale.low * scale.perDecade;

  function strip(href, name, found, label) {
    const picture = svg("svg", { viewBox: `0 0 ${scale.width} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label },
      svg("line", { x1: one, x2: one, y1: 0, y2: 100 }),
      ...["good", "known", "bad"].map((kind) => svg("path", { class: kind, d: outline(found, kind) })));
    const worst = h("span", { class: found.bad.size ? "worst bad" : "worst" }, magnitude(found.worst));
    return h("a", { class: "strip", href }, h("span", { class: "name" }, name), picture, worst);
  }

  function axis() {
    const ticks = scale.ticks.map(([position, label]) => h("span", { style: `left: ${position}%`, class: label === "1" ? "one" : "" }, label));
    return h("div", { class: "axis", "aria-hidden": "true" }, h("span"), h("div", {}, ticks), h("span", {}, "worst"));
  }

  // --- specs

  function filterSpecs({ family }) {
    for (const spec of $$(".spec")) spec.hidden = Boolean(family) && data.families[spec.dataset.spec] !== family;
    for (const title of $$("#specs h3")) {
      let next = title.nextElementSibling;
      while (next && next.matches(".spec") && next.hidden) next = next.nextElementSibling;
      title.hidden = !(next && next.matches(".spec"));
    }
  }

  function fillSpec(element) {
    const spec = element.dataset.spec;
    const found = new Map(cells.map((cell, i) => [i, cell]).filter(([, cell]) => cell[0] === spec).map(([i]) => [i, spectrum()]));
    for (let v = 0; v < total; v++) if (found.has(column.cell[v])) note(found.get(column.cell[v]), v);
    const strips = [...found].filter(([, f]) => f.worst !== null).map(([i, f]) => {
      const [, implementation, target] = cells[i];
      return strip(cellAddress(cells[i]), [...breakable(implementation), h("small", {}, target)], f, `margins of ${implementation} on ${target}`);
    });
    if (strips.length) $(".implementations", element).replaceChildren(h("h3", {}, "Margins of each implementation"), h("div", { class: "strips" }, axis(), strips));
  }

  // --- the sheet: one case, or one implementation

  const sheet = $(".sheet");

  function gauge(margin) {
    const low = -4, high = 8;
    const at = (value) => (value < 0 ? 100 : value === 0 ? 0 : (100 * (Math.min(Math.max(Math.log10(value), low), high) - low)) / (high - low));
    const line = at(1);
    return svg("svg", { class: "gauge", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { x: 0, y: 2.5, height: 5, width: Math.max(0.6, Math.min(at(margin), line)) }),
      ...(margin < 0 || margin > 1 ? [svg("rect", { class: "bad", x: line, y: 2.5, height: 5, width: at(margin) - line })] : []),
      svg("line", { x1: line, x2: line, y1: 0, y2: 10 }));
  }

  function facts(pairs) {
    const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return rows.length ? h("dl", { class: "numbers" }, rows.flatMap(([name, value, big]) => [h("dt", {}, name), h("dd", { class: big ? "big" : "" }, value)])) : "";
  }

  function marginTable(margins) {
    if (!margins.length) return "";
    const head = ["array", "error / tolerance", "rms", "unresolved", ""].map((name, i) => h("th", { scope: "col", class: i && i < 4 ? "number" : "" }, name));
    const rows = margins.map(([name, worst, rms, unresolved]) => h("tr", {},
      h("th", { scope: "row" }, name), h("td", { class: "number" }, magnitude(worst)), h("td", { class: "number" }, magnitude(rms)),
      h("td", { class: "number" }, unresolved ? count(unresolved) : ""), h("td", { class: "picture" }, gauge(worst))));
    return h("table", { class: "gauges" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
  }

  function casePage(verdict) {
    const outcome = outcomes[column.outcome[verdict]];
    const id = cases[column.case[verdict]];
    const [spec, implementation, target] = cells[column.cell[verdict]];
    const told = detail(verdict);
    const [array, index, got, expected, tolerance, ulps, wrong, size] = told.worst || [];
    const margin = column.margin[verdict];
    const elsewhere = [];
    for (let v = 0; v < total; v++) if (column.case[v] === column.case[verdict]) elsewhere.push(v);
    const others = elsewhere.map((v) => {
      const line = row(v, { where: true });
      const [, api] = cells[column.cell[v]];
      line.children[1].replaceChildren(h("a", { href: caseAddress(v) }, breakable(api)));
      if (v === verdict) { line.className = "here"; line.setAttribute("aria-current", "true"); }
      return line;
    });
    const script = told.script.join("\n");
    return [
      h("p", {}, badge(outcome), told.check ? ` ${told.check}` : ""),
      h("h2", { class: "case", id: "sheet-title" }, breakable(id)),
      h("p", { class: "where" }, h("a", { href: cellAddress(cells[column.cell[verdict]]) }, implementation), ` on ${target}, `, h("a", { href: `#spec-${spec}` }, `spec ${spec}`)),
      told.message ? h("p", { class: "message" }, told.message) : "",
      facts(told.worst ? [
        ["worst at", `${array}[${index.join(", ")}]`, true], ["got", got, true], ["expected", expected, true], ["tolerance", `± ${tolerance}`, true],
        ["distance", ulps === null ? "" : `${magnitude(ulps)} ulp`], ["wrong", `${count(wrong)} of ${plural(size, "element")}`],
      ] : []),
      facts([
        ["margin", told.margins.length || margin === null ? "" : `${magnitude(margin)} × tolerance`],
        ["profile", data.profiles[column.profile[verdict]]], ["would be explained by", told.explained], ["deviation on file", told.deviation],
        ["notes", told.notes.join("; ")], ["time", told.seconds ? `${magnitude(1000 * told.seconds)} ms` : ""], ["fingerprint", told.digest],
      ]),
      told.margins.length ? [h("h3", {}, "Margin of every array"), marginTable(told.margins)] : "",
      h("h3", {}, "Look closer"), commandLine(command("explain", verdict)), commandLine(command("repro", verdict)),
      script ? [h("h3", {}, "Reproduction, without assay"), h("div", { class: "script" }, h("pre", { tabindex: "0" }, h("code", {}, script)), copyButton(script))]
        : failing.has(column.outcome[verdict]) && data.scriptsLeftOut ? h("p", { class: "about" }, "The script is in run.json: this page keeps only as many as it can carry.") : "",
      others.length > 1 ? [h("h3", {}, "The same case elsewhere"), h("table", { class: "rows" }, h("tbody", {}, others))] : "",
    ];
  }

  function cellPage(number) {
    const [spec, implementation, target] = cells[number];
    const verdicts = [];
    const found = spectrum();
    for (let v = 0; v < total; v++) if (column.cell[v] === number) { verdicts.push(v); note(found, v); }
    const counts = outcomes.map((outcome, o) => [outcome, verdicts.filter((v) => column.outcome[v] === o).length]).filter(([, n]) => n).reverse();
    const listing = h("div");
    list(listing, sorted(verdicts), { where: false });
    const picture = strip(cellAddress(cells[number]), "", found, "margins");
    picture.removeAttribute("href");
    const where = (data.where[number] || []).map(([rule, reason]) => h("li", {}, h("code", {}, rule), reason ? `: ${reason}` : ""));
    return [
      h("h2", { id: "sheet-title" }, breakable(implementation)),
      h("p", { class: "where" }, h("a", { href: `#spec-${spec}` }, `spec ${spec}`), ` on ${target}`),
      h("p", { class: "message" }, counts.flatMap(([outcome, n], i) => [i ? ", " : "", `${count(n)} `, badge(outcome)])),
      found.worst === null ? "" : h("div", { class: "strips", style: "--name: 0" }, axis(), picture),
      where.length ? [h("h3", {}, "Exists only where"), h("ul", { class: "where" }, where)] : "",
      h("h3", {}, plural(verdicts.length, "case")), listing,
    ];
  }

  function openSheet(title, content) {
    const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => sheet.close() }, "×");
    sheet.replaceChildren(h("header", {}, h("p", {}, title), close), h("div", {}, content.flat(3).filter((part) => part !== "")));
    if (!sheet.open) sheet.showModal();
    sheet.scrollTop = 0;
  }

  function showSheet(parameters) {
    const wanted = { case: parameters.get("case"), implementation: parameters.get("implementation"), target: parameters.get("target") };
    const fits = (number) => {
      const [spec, implementation, target] = cells[number];
      return (!wanted.implementation || implementation === wanted.implementation) && (!wanted.target || target === wanted.target) && (!parameters.get("spec") || spec === parameters.get("spec"));
    };
    if (wanted.case) {
      const number = cases.indexOf(wanted.case);
      const found = [];
      for (let v = 0; v < total; v++) if (column.case[v] === number && fits(column.cell[v])) found.push(v);
      if (found.length) openSheet("Case", casePage(sorted(found)[0]));
      else openSheet("Case", [h("h2", { id: "sheet-title" }, "No such case"), h("p", { class: "message" }, `This run holds no verdict on ${wanted.case}.`)]);
    } else if (wanted.implementation) {
      const number = cells.findIndex((_, i) => fits(i));
      if (number >= 0) openSheet("Implementation", cellPage(number));
    } else if (sheet.open) sheet.close();
  }

  // --- all together

  function goWhereTheAddressSays() {
    const hash = location.hash;
    if (hash && !hash.includes("=")) {
      if (sheet.open) sheet.close();
      const element = document.getElementById(decodeURIComponent(hash.slice(1)));
      if (element && element.matches("details")) {
        if (element.hidden) { form.reset(); applyFilter(); }
        element.open = true;
        element.scrollIntoView();
      }
      if (applied === null) applyFilter();
      return;
    }
    const parameters = new URLSearchParams(hash.slice(1));
    writeForm(Object.fromEntries(parameters));
    applyFilter();
    showSheet(parameters);
  }

  let timer = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { history.replaceState(null, "", address()); applyFilter(); }, 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { history.replaceState(null, "", address()); applyFilter(); }));
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  sheet.addEventListener("close", () => { if (/[#&](case|implementation)=/.test(location.hash)) history.replaceState(null, "", address()); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const outcome = link.closest(".totals") && new URLSearchParams(link.hash.slice(1)).get("outcome");
    const to = outcome ? address({ outcome: readForm().outcome === outcome ? "" : outcome })
      : link.matches(".chip") ? cellAddress(cells[Number(link.dataset.cell)]) : link.hash;
    if (to !== link.hash) {
      event.preventDefault();
      if (to !== location.hash) location.hash = to;
    }
    if (link.hash === location.hash) goWhereTheAddressSays();
  });
  $$(".spec").forEach((spec) => spec.addEventListener("toggle", () => { if (spec.open) fillSpec(spec); }, { once: true }));
  addEventListener("hashchange", goWhereTheAddressSays);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !sheet.open && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      form.elements.q.focus();
    }
  });
  new ResizeObserver(() => document.documentElement.style.setProperty("--bar", `${form.offsetHeight}px`)).observe(form);

  document.documentElement.classList.add("js");
  fillFilters();
  prepareFindings();
  goWhereTheAddressSays();
})();
