/** Everything that was loaded, by whom and when, and what is at work or came to nothing. */
import { el } from "../dom";
import { known, moment, number, t } from "../i18n";
import { isEnded, type Job, type PastLoad } from "./api";
import { progressBar, undoButton } from "./outcome-view";
import { jobState, problemText } from "./words";

const SHOWN = 50;

export interface HistoryEvents {
  undo: (load: number) => void;
  cancel: (job: string) => void;
}

export function history(loads: PastLoad[], jobs: Job[], mine: string, events: HistoryEvents): HTMLElement {
  const others = jobs.filter((job) => job.kind === "load" && job.state !== "done" && (job.upload !== mine || isEnded(job))).slice(0, 10);
  return el(
    "div",
    {},
    others.length ? el("ul", { class: "jobs", "aria-label": t("load.jobs") }, ...others.map((job) => jobRow(job, events))) : null,
    loads.length ? loadTable(loads, events) : el("p", { class: "quiet" }, t("load.history.none")),
  );
}

function jobRow(job: Job, events: HistoryEvents): HTMLElement {
  const names = job.files.slice(0, 3).join(", ") + (job.files.length > 3 ? " …" : "");
  return el(
    "li",
    { class: job.state, "data-job": job.job },
    el("span", {}, moment(job.created)),
    el("span", { class: "file-name" }, names),
    el("span", { class: "badge" }, jobState(job.state)),
    job.error ? el("p", { class: "problem-text" }, problemText(job.error)) : null,
    isEnded(job) ? null : progressBar(job, () => events.cancel(job.job)),
  );
}

function loadTable(loads: PastLoad[], events: HistoryEvents): HTMLElement {
  const heads = ["number", "dataset", "when", "by", "new", "changed", "ended", "rejected", "state"] as const;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": t("load.history") },
    el(
      "table",
      { class: "history" },
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, t(`load.head.${head}`))), el("th", {}, el("span", { class: "visually-hidden" }, t("load.undo"))))),
      el("tbody", {}, ...loads.slice(0, SHOWN).map((load) => loadRow(load, events))),
    ),
    loads.length > SHOWN ? el("p", { class: "quiet" }, t("load.history.more", { count: loads.length - SHOWN })) : null,
  );
}

function loadRow(load: PastLoad, events: HistoryEvents): HTMLElement {
  const numbers = [load.new, load.changed, load.ended, load.rejected_count ?? 0];
  const isUndone = load.status === "undone";
  return el(
    "tr",
    { class: isUndone ? "undone" : "", "data-load": load.load },
    el("td", {}, String(load.load)),
    el("td", {}, el("strong", {}, load.dataset), el("span", { class: "quiet" }, ` ${load.file === load.dataset ? "" : load.file}`)),
    el("td", { class: "when" }, moment(load.recorded)),
    el("td", {}, load.by),
    ...numbers.map((each) => el("td", { class: "num" }, number(each))),
    el("td", { class: "when" }, known(`load.status.${load.status}`, load.status)),
    el("td", {}, isUndone ? null : undoButton(load.load, `undo-${load.load}`, events.undo)),
  );
}
