/** What findings, fixes and options are called in the page's language. */
import { known, language, t, type MessageId } from "../i18n";
import type { Finding, Options } from "./api";

/** A few words for a finding; `""` where the page has none of its own. */
export const findingTitle = (finding: Finding): string => known(`finding.${finding.code}`, "");

/** What to do about it, where the page says so in its own language; the doctor's words are English. */
export const findingAdvice = (finding: Finding): string => known(`advice.${finding.code}`, "");

export const severityName = (severity: Finding["severity"]): string => t(`severity.${severity}`);

export const rejectionReason = (code: string, reason: string): string => known(`rejection.${code}`, "") || reason;

const LISTS = new Set(["fields", "units", "values"]);

/** What a fix does: in the page's language, made of the options that it sets. */
export function fixTitle(fix: Options, title: string): string {
  if (language() === "en" && title) return capital(title);
  const told = Object.entries(fix).map(([name, value]) => {
    if (LISTS.has(name)) {
      const inner = Object.entries(value as object).map(([from, to]) => (typeof to === "string" ? `${from} → ${to}` : from));
      return t("load.fix.list", { what: known(`option.${name}`, name), list: inner.slice(0, 3).join("，") });
    }
    if (typeof value === "boolean") return known(`option.${name}`, name);
    const shown = name === "height_offset" ? `${Number(value) > 0 ? "+" : ""}${value} m` : String(value).slice(0, 60);
    return t("load.fix.set", { what: known(`option.${name}`, name), value: shown });
  });
  return told.join("；");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The state of a job in words. */
export const jobState = (state: string): string => known(`job.${state}`, state);

export const stageName = (stage: string): string => known(`stage.${stage}`, stage);

/** An error as one sentence: what, where, what to do. */
export function problemText(problem: { problem: string; where?: string; hint?: string }): string {
  const { where = "", hint = "" } = problem;
  return `${where ? `${where}: ` : ""}${problem.problem}${hint ? ` (${hint})` : ""}`;
}

export type { MessageId };
