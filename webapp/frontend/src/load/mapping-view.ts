/** Which field of the file becomes which column of the city, in which unit, with which codes. */
import { el } from "../dom";
import { number, t } from "../i18n";
import type { Code, Field, Options, Vocabulary } from "./api";
import type { CheckEvents, FileState } from "./check-view";

type Texts = Record<string, string>;

const UNITS = ["m", "cm", "mm", "km", "ft", "us-ft", "in", "m2", "km2", "year"];

export function mappingTable(state: FileState, words: Vocabulary, events: CheckEvents): HTMLElement {
  const { report } = state;
  const heads = [t("load.map.field"), t("load.map.samples"), t("load.map.column"), t("load.map.unit")];
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("load.mapping", { count: report.fields.length }) },
    el(
      "table",
      { class: "mapping" },
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...report.fields.flatMap((each) => rows(state, each, words, events))),
    ),
    el("p", { class: "quiet" }, t("load.map.kept")),
  );
}

function rows(state: FileState, field: Field, words: Vocabulary, events: CheckEvents): HTMLElement[] {
  const { report, asked } = state;
  const { path } = report;
  const chosen = (asked.options.fields ?? {}) as Texts;
  const now = chosen[field.name] ?? field.column;
  const set = (table: string, key: string, value: string): void => events.options(path, changed(asked.options, table, key, value));
  const column = el(
    "select",
    { id: `column-${path}-${field.layer}-${field.name}`, "aria-label": t("load.map.column.of", { name: field.name }), on: { change: () => set("fields", field.name, column.value) } },
    el("option", { value: "", selected: !now }, t("load.map.attribute")),
    ...columnNames(words, now).map(([value, shown]) => el("option", { value, selected: value === now }, shown)),
  );
  const units = (asked.options.units ?? {}) as Texts;
  const unit = el("input", {
    type: "text",
    id: `unit-${path}-${field.layer}-${field.name}`,
    value: units[field.name] ?? "",
    placeholder: field.unit ?? "",
    list: "units",
    "aria-label": t("load.map.unit.of", { name: field.name }),
    on: { change: () => set("units", field.name, unit.value.trim()) },
  });
  const row = el(
    "tr",
    { class: now ? "mapped" : "", "data-field": field.name },
    el("th", { scope: "row" }, field.name, sureness(field)),
    el("td", { class: "samples" }, (field.samples ?? []).slice(0, 3).join(" · ")),
    el("td", {}, column),
    el("td", {}, unit),
  );
  return field.codes?.length && now ? [row, codeRow(state, now, field.codes, events)] : [row];
}

/** How sure a proposal is, where it is not certain. */
function sureness({ column, confidence }: Field): HTMLElement | null {
  if (!column || confidence === undefined || confidence >= 0.95) return null;
  return el("span", { class: "quiet" }, ` ${number(confidence * 100, 0)} %`);
}

function columnNames(words: Vocabulary, now: string): [string, string][] {
  const named = words.columns.map((each): [string, string] => [each.name, each.unit.length > 1 || each.unit === "m" ? `${each.name} [${each.unit}]` : each.name]);
  return now && !named.some(([name]) => name === now) ? [[now, now], ...named] : named;
}

function codeRow(state: FileState, column: string, codes: Code[], events: CheckEvents): HTMLElement {
  const { asked, report } = state;
  const all = (asked.options.values ?? {}) as Record<string, Texts>;
  const said = all[column] ?? {};
  const items = codes.map((code) => {
    const input = el("input", {
      type: "text",
      id: `code-${report.path}-${column}-${code.value}`,
      value: said[code.value] ?? code.meaning,
      "aria-label": t("load.map.meaning.of", { value: code.value }),
      on: {
        change: () => {
          const meanings = { ...said };
          if (input.value.trim()) meanings[code.value] = input.value.trim();
          else delete meanings[code.value];
          const values = { ...all, [column]: meanings };
          if (!Object.keys(meanings).length) delete values[column];
          events.options(report.path, { ...asked.options, values });
        },
      },
    });
    return el("li", {}, el("code", {}, code.value), el("span", { class: "count" }, `× ${number(code.count)}`), input);
  });
  const lists = [...new Set(codes.map((code) => code.list).filter(Boolean))].join(", ");
  return el(
    "tr",
    { class: "codes" },
    el("td", { colspan: "4" }, el("p", { class: "quiet" }, t("load.map.codes"), lists ? ` (${lists})` : ""), el("ul", {}, ...items)),
  );
}

/** The options with one entry of a table set, or without it. */
function changed(options: Options, table: string, key: string, value: string): Options {
  const entries = { ...((options[table] ?? {}) as Texts) };
  if (value) entries[key] = value;
  else delete entries[key];
  const rest = { ...options, [table]: entries };
  if (!Object.keys(entries).length) delete rest[table];
  return rest;
}

/** What inputs propose: units, and data sets that the city has. */
export const proposals = ({ datasets }: Vocabulary): HTMLElement[] =>
  Object.entries({ units: UNITS, datasets }).map(([id, values]) => el("datalist", { id }, ...values.map((value) => el("option", { value }))));
