import { ApiError, postLoads } from "../api";
import { el, fill, icon, iconButton } from "../dom";
import { number, t } from "../i18n";
import { valueList } from "./values";

const COUNTS = ["new", "changed", "same", "ended", "rejected"] as const;

/** A dialog that sends files to the server and shows what became of them. */
export class LoadDialog {
  private readonly dialog = el("dialog", { class: "dialog", "aria-labelledby": "load-title" });
  private files: File[] = [];
  private name = "";
  private busy = false;

  constructor(private readonly loaded: () => void) {
    document.body.append(this.dialog);
    this.dialog.addEventListener("cancel", (event) => {
      if (this.busy) event.preventDefault();
    });
  }

  open(): void {
    this.files = [];
    this.name = "";
    this.form("");
    this.dialog.showModal();
  }

  private head(): HTMLElement {
    return el(
      "div",
      { class: "panel-head" },
      el("h2", { id: "load-title" }, t("load.title")),
      iconButton("close", t("load.cancel"), () => this.dialog.close(), { class: "panel-close", disabled: this.busy }),
    );
  }

  private form(problem: string): void {
    const start = el("button", { type: "submit", class: "button primary", disabled: this.files.length === 0 }, t("load.start"));
    const name = el("input", {
      type: "text",
      id: "load-name",
      value: this.name,
      placeholder: t("load.name"),
      "aria-label": t("load.name"),
      on: { input: () => (this.name = name.value) },
    });
    const form = el("form", { method: "dialog" }, this.head(), this.zone(), this.fileList(), name, el("div", { class: "actions" }, start));
    if (problem) form.append(el("p", { class: "problem", role: "alert" }, problem));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    fill(this.dialog, form);
  }

  private zone(): HTMLElement {
    const input = el("input", {
      type: "file",
      multiple: true,
      class: "visually-hidden",
      id: "load-files",
      on: { change: () => this.add([...(input.files ?? [])]) },
    });
    const zone = el(
      "label",
      { class: "drop", for: "load-files" },
      input,
      icon("upload"),
      el("strong", {}, t("load.drop")),
      el("span", { class: "quiet" }, t("load.hint")),
    );
    for (const kind of ["dragenter", "dragover"] as const) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("over");
      });
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.add([...(event.dataTransfer?.files ?? [])]);
    });
    return zone;
  }

  private add(files: File[]): void {
    const names = new Set(files.map((file) => file.name));
    this.files = [...this.files.filter((file) => !names.has(file.name)), ...files];
    this.form("");
  }

  private fileList(): HTMLElement {
    const rows = this.files.map((file) =>
      el(
        "li",
        {},
        el("span", {}, file.name),
        el("span", { class: "count" }, `${number(file.size / 1e6)} MB`),
        iconButton("close", t("load.clear", { name: file.name }), () => {
          this.files = this.files.filter((other) => other !== file);
          this.form("");
        }),
      ),
    );
    return el("ul", { class: "files" }, ...rows);
  }

  private async send(): Promise<void> {
    this.busy = true;
    const running = t("load.running", { count: this.files.length });
    fill(this.dialog, this.head(), el("p", { class: "running", role: "status" }, el("span", { class: "spinner" }), running));
    try {
      const reports = await postLoads(this.files, this.name.trim());
      this.busy = false;
      this.report(reports);
      this.loaded();
    } catch (error) {
      this.busy = false;
      const told = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" · ") : String(error);
      this.form(`${t("load.failed")}${told ? `: ${told}` : ""}`);
    }
  }

  private report(reports: Record<string, unknown>[]): void {
    const close = el("button", { type: "button", class: "button primary", on: { click: () => this.dialog.close() } }, t("load.cancel"));
    fill(
      this.dialog,
      this.head(),
      el("h3", {}, t("load.done")),
      ...reports.map((report) => reportCard(report)),
      el("div", { class: "actions" }, close),
    );
    close.focus();
  }
}

/** Counts first; problems as they were told; all the rest behind a fold. */
function reportCard(report: Record<string, unknown>): HTMLElement {
  const rejected = listed(report.rejected);
  const counts: Record<string, unknown> = { ...report, rejected: rejected.length };
  const tiles = COUNTS.filter((key) => typeof counts[key] === "number").map((key) =>
    el("div", { class: "tile" }, el("strong", {}, number(counts[key] as number)), el("span", {}, t(`load.${key}`))),
  );
  const problems = [...listed(report.warnings), ...rejected];
  return el(
    "section",
    { class: "report" },
    el("h4", {}, String(report.file ?? report.dataset ?? "")),
    el("div", { class: "tiles" }, ...tiles),
    problems.length > 0
      ? el("ul", { class: "problems" }, ...problems.slice(0, 20).map((each) => el("li", {}, problemText(each))))
      : null,
    el("details", { class: "section" }, el("summary", {}, t("load.details")), valueList(report)),
  );
}

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function problemText(problem: unknown): string {
  if (typeof problem !== "object" || problem === null) return String(problem);
  return Object.values(problem).filter((part) => part !== null && part !== "").map(String).join(" · ");
}
