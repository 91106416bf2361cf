/** What a load would do or did, file by file, and what it refused. */
import { el } from "../dom";
import { number, t } from "../i18n";
import type { Job, LoadReport } from "./api";
import { findingTitle, jobState, problemText, rejectionReason, stageName } from "./words";

const COUNTS = ["new", "changed", "same", "ended"] as const;
const SHOWN = 20;

export function progressBar(job: Job, cancel: () => void): HTMLElement {
  const { progress } = job;
  const total = progress?.total ?? null;
  const share = progress && total ? { max: total, value: Math.min(progress.done, total) } : {};
  const told = progress
    ? `${progress.file} · ${stageName(progress.stage)} · ${number(progress.done)}${total ? ` / ${number(total)}` : ""}`
    : jobState(job.state);
  return el(
    "div",
    { class: "progress", role: "status" },
    el("progress", { ...share, "aria-label": t(`load.kind.${job.kind}`) }),
    el("span", { class: "progress-text" }, told),
    el("button", { type: "button", class: "button", id: `cancel-${job.job}`, on: { click: cancel } }, t("load.stop")),
  );
}

/** The result of a dry run or a load; `undo` takes a load back. */
export function outcome(job: Job, undone: Set<number>, undo: (load: number) => void): HTMLElement {
  const { result, error } = job;
  const loads = result?.loads ?? [];
  const failed = result?.failed ?? [];
  return el(
    "div",
    { class: "outcome" },
    error ? el("p", { class: "problem", role: "alert" }, problemText(error)) : null,
    job.state === "cancelled" || job.state === "interrupted" ? el("p", { class: "problem", role: "alert" }, t(`load.was.${job.state}`)) : null,
    ...failed.map((each) => el("p", { class: "problem", role: "alert" }, el("strong", {}, each.dataset), " ", problemText(each))),
    ...loads.map((report) => card(report, undone, undo)),
    loads.some((each) => each.rejected_count) ? el("p", {}, el("a", { href: `/api/jobs/${job.job}/rejected.csv`, download: "", class: "link" }, t("load.csv"))) : null,
  );
}

function card(report: LoadReport, undone: Set<number>, undo: (load: number) => void): HTMLElement {
  const tiles = COUNTS.map((key) => tile(report[key], t(`load.${key}`), key));
  tiles.push(tile(report.rejected_count, t("load.rejected"), report.rejected_count ? "bad" : ""));
  const { load } = report;
  const isUndone = load !== null && undone.has(load);
  return el(
    "section",
    { class: "report", "data-dataset": report.dataset },
    el("h4", {}, report.dataset, el("span", { class: "quiet" }, ` ${report.file}`)),
    el("div", { class: "tiles" }, ...tiles),
    warnings(report),
    rejections(report),
    load !== null && !report.dry_run
      ? el(
          "p",
          { class: "actions" },
          isUndone
            ? el("span", { class: "quiet", role: "status" }, t("load.undone", { load }))
            : undoButton(load, `undo-report-${load}`, undo),
        )
      : null,
  );
}

const tile = (count: number, name: string, kind: string): HTMLElement =>
  el("div", { class: `tile ${count ? kind : ""}` }, el("strong", {}, number(count)), el("span", {}, name));

function warnings(report: LoadReport): HTMLElement | null {
  const told = report.findings.filter((each) => each.severity !== "info");
  if (!told.length) return null;
  const lines = told.map((each) => el("li", {}, [findingTitle(each), each.message].filter(Boolean).join(": ")));
  return el("details", { class: "section" }, el("summary", {}, t("load.warnings", { count: told.length })), el("ul", { class: "lines" }, ...lines));
}

function rejections(report: LoadReport): HTMLElement | null {
  if (!report.rejected_count) return null;
  const shown = report.rejected.slice(0, SHOWN);
  const heads = [t("load.reject.object"), t("load.reject.reason"), t("load.reject.raw")];
  return el(
    "details",
    { class: "section", open: true },
    el("summary", {}, t("load.reject.list", { count: number(report.rejected_count), shown: shown.length })),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": t("load.rejected") },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, ...shown.map((each) => el("tr", {}, el("td", {}, each.object), el("td", {}, rejectionReason(each.code, each.reason)), el("td", { class: "raw" }, each.raw.slice(0, 80))))),
      ),
    ),
  );
}

/** A button that asks once more before it undoes a load. */
export function undoButton(load: number, id: string, undo: (load: number) => void): HTMLElement {
  const ask = el("button", { type: "button", class: "button", id }, t("load.undo"));
  const box = el("span", { class: "undo" }, ask);
  ask.addEventListener("click", () => {
    const yes = el("button", { type: "button", class: "button danger", id: `${id}-yes`, on: { click: () => undo(load) } }, t("load.undo.yes", { load }));
    const no = el("button", { type: "button", class: "button", on: { click: () => (box.replaceChildren(ask), ask.focus()) } }, t("load.undo.no"));
    box.replaceChildren(yes, no);
    yes.focus();
  });
  return box;
}
