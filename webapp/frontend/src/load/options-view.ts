/** What the user may say of a file that it does not say itself. */
import { el } from "../dom";
import { known, t, titled } from "../i18n";
import type { Options, Vocabulary } from "./api";
import type { CheckEvents, FileState } from "./check-view";

const ENCODINGS = ["UTF-8", "GB18030", "GBK", "Big5", "Shift_JIS", "EUC-KR", "ISO-8859-1", "windows-1252"];
const SYSTEMS = ["GCJ-02", "BD-09", "EPSG:4326", "EPSG:4490", "EPSG:4214", "EPSG:4610"];
const UNITS = ["m", "mm", "cm", "ft", "us-ft", "in"];
const DATUMS = ["EPSG:5737", "EPSG:5736", "EPSG:5773", "EPSG:3855"];

export function optionsForm(state: FileState, words: Vocabulary, events: CheckEvents): HTMLElement {
  const { report, asked } = state;
  const { path } = report;
  const set = (name: string, value: unknown): void => {
    const rest: Options = { ...asked.options };
    if (value === "" || value === false || value === 0) delete rest[name];
    else rest[name] = value;
    events.options(path, rest);
  };
  const text = (name: string, list: string[] = []): HTMLElement => textField(state, name, list, (value) => set(name, value));
  const choice = (name: string, values: [string, string][]): HTMLElement => choiceField(state, name, values, (value) => set(name, value));
  const dataset = el("input", {
    type: "text",
    id: `dataset-${path}`,
    value: asked.dataset,
    list: "datasets",
    autocomplete: "off",
    on: { change: () => events.dataset(path, dataset.value.trim()) },
  });
  const hasRaster = report.coverages.length > 0;
  const layers = report.layers.length > 1 ? [choice("layer", plain(report.layers.map((each) => each.name)))] : [];
  const ids = [...new Set(report.fields.map((each) => each.name))];
  return el(
    "div",
    { class: "options" },
    field(`dataset-${path}`, t("load.dataset"), dataset),
    text("crs", [words.crs, ...SYSTEMS]),
    text("encoding", ENCODINGS),
    ...(hasRaster ? [choice("kind", plain(words.kinds))] : [classField(choice, words)]),
    ...(ids.length ? [choice("id_field", plain(ids))] : []),
    ...layers,
    ...(hasRaster ? [] : [choice("network", plain(words.networks))]),
    text("length_unit", UNITS),
    text("height_datum", DATUMS),
    numberField(state, "height_offset", (value) => set("height_offset", value)),
    text("anchor"),
    dateField(state, "valid_from", (value) => set("valid_from", value)),
    checkField(state, "swap_axes", (value) => set("swap_axes", value)),
  );
}

const plain = (names: string[]): [string, string][] => names.map((name) => [name, name]);

function classField(choice: (name: string, values: [string, string][]) => HTMLElement, words: Vocabulary): HTMLElement {
  return choice("class_name", words.classes.map((each) => [each.name, `${titled(each)} · ${each.name}`]));
}

function field(id: string, label: string, control: HTMLElement): HTMLElement {
  return el("div", { class: "option" }, el("label", { for: id }, label), control);
}

const label = (name: string): string => known(`option.${name}`, name);
const idOf = ({ report }: FileState, name: string): string => `${name}-of-${report.path}`;

function textField(state: FileState, name: string, list: string[], changed: (value: string) => void): HTMLElement {
  const id = idOf(state, name);
  const input = el("input", {
    type: "text",
    id,
    value: String(state.asked.options[name] ?? ""),
    placeholder: placeholder(state, name),
    list: list.length ? `${id}-list` : null,
    autocomplete: "off",
    on: { change: () => changed(input.value.trim()) },
  });
  const wrapped = field(id, label(name), input);
  if (list.length) wrapped.append(el("datalist", { id: `${id}-list` }, ...list.map((value) => el("option", { value }))));
  return wrapped;
}

/** What the file was understood to say. */
function placeholder({ report }: FileState, name: string): string {
  const found = (report as unknown as Record<string, unknown>)[name];
  return typeof found === "string" && found ? t("load.as.found", { value: found.slice(0, 40) }) : t("load.not.known");
}

function choiceField(state: FileState, name: string, values: [string, string][], changed: (value: string) => void): HTMLElement {
  const id = idOf(state, name);
  const now = String(state.asked.options[name] ?? "");
  const select = el(
    "select",
    { id, on: { change: () => changed(select.value) } },
    el("option", { value: "", selected: now === "" }, t("load.automatic")),
    ...values.map(([value, shown]) => el("option", { value, selected: value === now }, shown)),
  );
  return field(id, label(name), select);
}

function numberField(state: FileState, name: string, changed: (value: number) => void): HTMLElement {
  const id = idOf(state, name);
  const value = String(state.asked.options[name] ?? 0);
  const input = el("input", { type: "number", step: "any", id, value, on: { change: () => changed(Number(input.value) || 0) } });
  return field(id, label(name), input);
}

function dateField(state: FileState, name: string, changed: (value: string) => void): HTMLElement {
  const id = idOf(state, name);
  const value = String(state.asked.options[name] ?? "");
  const input = el("input", { type: "date", id, value, on: { change: () => changed(input.value) } });
  return field(id, label(name), input);
}

function checkField(state: FileState, name: string, changed: (value: boolean) => void): HTMLElement {
  const id = idOf(state, name);
  const input = el("input", { type: "checkbox", id, checked: Boolean(state.asked.options[name]), on: { change: () => changed(input.checked) } });
  return el("div", { class: "option check" }, input, el("label", { for: id }, label(name)));
}
