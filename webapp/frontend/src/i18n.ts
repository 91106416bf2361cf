import en from "./messages/en.json";
import zh from "./messages/zh.json";

export type Language = "zh" | "en";
export type MessageId = keyof typeof en;

const CATALOGUES: Record<Language, Record<MessageId, string>> = { en, zh };
let current: Language = "en";

export function language(): Language {
  return current;
}

export function setLanguage(chosen: Language): void {
  current = chosen;
  document.documentElement.lang = chosen;
  document.body.dataset.lang = chosen;
}

/** The message in the page's language, with {names} filled in. */
export function t(id: MessageId, values: Record<string, string | number> = {}): string {
  return CATALOGUES[current][id].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The message where there is one, else `fallback`. */
export function known(id: string, fallback: string): string {
  return CATALOGUES[current][id as MessageId] ?? fallback;
}

/** The title in the page's language; the other one where it is missing. */
export function titled(item: { title: string; title_zh?: string }): string {
  return (current === "zh" && item.title_zh) || item.title;
}

const LOCALES: Record<Language, string> = { en: "en-GB", zh: "zh-CN" };

/** A number with at most `digits` places, as people of the page's language write it. */
export function number(value: number, digits = 2): string {
  return new Intl.NumberFormat(LOCALES[current], { maximumFractionDigits: digits, useGrouping: "min2" }).format(value);
}

/** A date or a moment given in ISO 8601; text that is neither is returned as it is. */
export function moment(value: string): string {
  const time = Date.parse(value);
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d/.test(value)) return value;
  if (value.length <= 10) return value;
  return new Intl.DateTimeFormat(LOCALES[current], { dateStyle: "medium", timeStyle: "short" }).format(time);
}
