import { el } from "../dom";
import { number, t } from "../i18n";

const MAX_ITEMS = 200;

/** One value in words; unknown is said, never shown as nothing. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return t("value.unknown");
  if (typeof value === "boolean") return value ? t("value.yes") : t("value.no");
  if (typeof value === "number") return number(value, 6);
  return String(value);
}

/** Attributes as a list; nested sets can be opened, a value with its unit is one line. */
export function valueList(values: Record<string, unknown>): HTMLElement {
  const list = el("dl", { class: "facts" });
  const nested: HTMLElement[] = [];
  for (const [name, value] of Object.entries(values)) {
    const measured = asMeasure(value);
    if (measured !== null) list.append(el("dt", {}, name), el("dd", {}, measured));
    else if (Array.isArray(value)) append(name, value, list, nested);
    else nested.push(set(name, value as Record<string, unknown>));
  }
  return el("div", { class: "values" }, list, ...nested);
}

function append(name: string, items: unknown[], list: HTMLElement, nested: HTMLElement[]): void {
  if (items.every((item) => typeof item !== "object" || item === null)) {
    const text = items.slice(0, MAX_ITEMS).map(valueText).join(", ");
    list.append(el("dt", {}, name), el("dd", {}, text || t("object.empty")));
  } else {
    nested.push(set(name, Object.fromEntries(items.slice(0, MAX_ITEMS).map((item, i) => [String(i + 1), item]))));
  }
}

function set(name: string, values: Record<string, unknown>): HTMLElement {
  const count = Object.keys(values).length;
  return el(
    "details",
    { class: "set" },
    el("summary", {}, name, el("span", { class: "count" }, String(count))),
    valueList(values),
  );
}

/** Text of a plain value or of {value, unit}; null for a set or a list. */
function asMeasure(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return valueText(value);
  if (Array.isArray(value)) return null;
  const keys = Object.keys(value);
  const { value: amount, unit } = value as { value?: unknown; unit?: unknown };
  const isMeasure = "value" in value && keys.every((key) => key === "value" || key === "unit");
  if (!isMeasure || typeof amount === "object") return null;
  return unit ? `${valueText(amount)} ${unitText(unit)}` : valueText(amount);
}

const UNITS: Record<string, string> = {
  m2: "m²",
  m3: "m³",
  Cel: "°C",
  deg: "°",
  "1": "",
  "m3/s": "m³/s",
  "ug/m3": "µg/m³",
  "W/m2": "W/m²",
  "W.h/m2": "Wh/m²",
  "kW.h": "kWh",
  "[cft_i]/s": "ft³/s",
  "[ft_i]": "ft",
};

/** A UCUM code as people write it. */
export function unitText(unit: unknown): string {
  return UNITS[String(unit)] ?? String(unit);
}
