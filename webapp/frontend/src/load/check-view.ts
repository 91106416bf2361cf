/** What the doctor found in one file: facts, findings, and the buttons that mend them. */
import { el } from "../dom";
import { language, number, t } from "../i18n";
import type { Asked, FileReport, Finding, Fix, Options, Vocabulary } from "./api";
import { mappingTable } from "./mapping-view";
import { optionsForm } from "./options-view";
import { findingAdvice, findingTitle, fixTitle, severityName } from "./words";

export interface FileState {
  report: FileReport;
  asked: Asked;
  /** Fixes that were chosen, in their order. */
  chosen: { title: string; fix: Options }[];
  /** Parts that are unfolded. */
  open: Set<string>;
}

export interface CheckEvents {
  fix: (path: string, title: string, fix: Options) => void;
  unfix: (path: string, at: number) => void;
  sure: (path: string) => void;
  options: (path: string, options: Options) => void;
  dataset: (path: string, name: string) => void;
  skip: (path: string, skip: boolean) => void;
  look: (path: string, fix: Fix | null) => void;
}

const MARKS = { error: "✕", warning: "!", info: "i" } as const;

export function fileCard(state: FileState, words: Vocabulary, events: CheckEvents): HTMLElement {
  const { report, asked } = state;
  const { path } = report;
  const body = asked.skip
    ? []
    : [
        facts(report),
        chosenFixes(state, events),
        findings(state, events),
        fold(state, "options", t("load.options"), () => optionsForm(state, words, events)),
        report.fields.length ? fold(state, "mapping", t("load.mapping", { count: report.fields.length }), () => mappingTable(state, words, events)) : null,
        report.sample.length ? fold(state, "sample", t("load.sample"), () => sampleTable(report)) : null,
      ];
  const verdict = asked.skip ? "skip" : report.loadable ? "ready" : "blocked";
  const worst = report.loadable && report.findings.some((each) => each.severity === "warning") ? "look" : verdict;
  return el(
    "article",
    { class: `file-card ${worst}`, "data-path": path, "aria-label": report.file },
    el(
      "header",
      {},
      el("h3", {}, report.file),
      el("span", { class: `badge ${worst}` }, t(`load.verdict.${asked.skip ? "skip" : worst}` as never)),
      el(
        "label",
        { class: "skip-file" },
        el("input", {
          type: "checkbox",
          checked: !asked.skip,
          id: `want-${path}`,
          on: { change: (event) => events.skip(path, !(event.target as HTMLInputElement).checked) },
        }),
        t("load.wanted"),
      ),
    ),
    ...body,
  );
}

function facts(report: FileReport): HTMLElement {
  const { features, coverages } = report;
  const rows: [string, string][] = [
    [t("load.fact.format"), report.title.replace(/ \(.*/, "")],
    [t("load.fact.objects"), coverages.length ? t("load.fact.rasters", { count: coverages.length }) : features === null ? t("value.unknown") : number(features)],
    [t("load.fact.classes"), Object.entries(report.classes).map(([name, count]) => `${name} ${number(count)}`).join(", ")],
    [t("load.fact.crs"), report.crs ? `${report.crs.slice(0, 60)}${report.crs_source ? ` (${sourceName(report.crs_source)})` : ""}` : t("value.unknown")],
    [t("load.fact.encoding"), report.encoding],
    [t("load.fact.datum"), report.height_datum],
    [t("load.fact.profile"), report.profile ?? ""],
  ];
  const shown = rows.filter(([, value]) => value);
  return el("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function sourceName(source: string): string {
  const key = { file: "load.source.file", sidecar: "load.source.sidecar", user: "load.source.user", format: "load.source.format" }[source];
  return key ? t(key as never) : source;
}

function chosenFixes({ report, chosen }: FileState, events: CheckEvents): HTMLElement | null {
  if (!chosen.length) return null;
  const buttons = chosen.map(({ title, fix }, at) =>
    el(
      "button",
      {
        type: "button",
        class: "fix on",
        id: `fixed-${report.path}-${at}`,
        "aria-pressed": "true",
        title: t("load.fix.off"),
        on: { click: () => events.unfix(report.path, at) },
      },
      `✓ ${fixTitle(fix, title)}`,
    ),
  );
  return el("div", { class: "chosen", role: "group", "aria-label": t("load.fix.chosen") }, el("span", { class: "quiet" }, t("load.fix.chosen")), ...buttons);
}

function findings(state: FileState, events: CheckEvents): HTMLElement | null {
  const { report } = state;
  if (!report.findings.length) return el("p", { class: "all-well" }, t("load.well"));
  const sure = (report.fixes ?? []).filter((each) => each.sure);
  const list = el(
    "ul",
    { class: "findings", "aria-label": t("load.findings") },
    ...report.findings.map((finding, at) => findingRow(state, finding, at, events)),
  );
  const all =
    sure.length > 1
      ? el("button", { type: "button", class: "button", id: `sure-${report.path}`, on: { click: () => events.sure(report.path) } }, t("load.fix.sure", { count: sure.length }))
      : null;
  return el("div", {}, list, all);
}

function findingRow({ report }: FileState, finding: Finding, at: number, events: CheckEvents): HTMLElement {
  const { severity, code, message, hint, evidence, fix } = finding;
  const title = findingTitle(finding);
  const advice = findingAdvice(finding);
  const offered = Object.keys(fix).length ? proposal(report, finding) : null;
  return el(
    "li",
    { class: `finding ${severity}`, "data-code": code },
    el("span", { class: "mark", role: "img", "aria-label": severityName(severity), title: severityName(severity) }, MARKS[severity]),
    el(
      "div",
      {},
      title ? el("strong", {}, title) : null,
      advice ? el("p", {}, advice) : null,
      el("p", { class: title && language() === "zh" ? "quiet" : "" }, message),
      evidence ? el("p", { class: "evidence" }, t("load.evidence"), " ", evidence) : null,
      hint && !offered && !advice ? el("p", { class: "quiet" }, hint) : null,
      offered ? fixButton(report.path, offered, at, events) : null,
    ),
  );
}

/** The doctor's own proposal for a finding, with its preview where it gave one. */
function proposal(report: FileReport, finding: Finding): Fix {
  const same = JSON.stringify(finding.fix);
  const found = (report.fixes ?? []).find((each) => each.code === finding.code && JSON.stringify(each.fix) === same);
  return found ?? { code: finding.code, title: "", fix: finding.fix, sure: false, before: null, after: null, preview: null };
}

function fixButton(path: string, fix: Fix, at: number, events: CheckEvents): HTMLElement {
  const look = (): void => events.look(path, fix);
  const away = (): void => events.look(path, null);
  return el(
    "button",
    {
      type: "button",
      class: "fix",
      id: `fix-${path}-${at}`,
      "aria-pressed": "false",
      on: { click: () => events.fix(path, fix.title, fix.fix), mouseenter: look, focus: look, mouseleave: away, blur: away },
    },
    fixTitle(fix.fix, fix.title),
  );
}

function fold(state: FileState, name: string, title: string, make: () => HTMLElement): HTMLElement {
  const isOpen = state.open.has(name);
  const details = el("details", { class: "section", open: isOpen, "data-part": name }, el("summary", { id: `${name}-${state.report.path}` }, title), isOpen ? make() : null);
  details.addEventListener("toggle", () => {
    if (details.open === state.open.has(name)) return;
    if (details.open) state.open.add(name);
    else state.open.delete(name);
    if (details.open && details.children.length === 1) details.append(make());
  });
  return details;
}

function sampleTable(report: FileReport): HTMLElement {
  const names = [...new Set(report.sample.flatMap((row) => Object.keys(row)))];
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("load.sample") },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...report.sample.map((row) => el("tr", {}, ...names.map((name) => el("td", {}, cell(row[name])))))),
    ),
  );
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
