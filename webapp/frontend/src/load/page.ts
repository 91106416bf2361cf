/** The load page: files come, are examined, mended, tried, loaded, and taken back. */
import { ApiError, type City } from "../api";
import { el, fill, iconButton } from "../dom";
import { t } from "../i18n";
import {
  beginUpload, cancelJob, ended, forgetUpload, getJob, getJobs, getLoads, getUpload, isEnded, startJob, undoLoad,
  type Asked, type FileReport, type Fix, type GeoJSON, type Job, type JobKind, type Options, type PastLoad, type Vocabulary,
} from "./api";
import { fileCard, type FileState } from "./check-view";
import { dropZone, transferList, type Transfer } from "./files-view";
import { history } from "./history-view";
import { LoadMap } from "./map";
import { proposals } from "./mapping-view";
import { outcome, progressBar } from "./outcome-view";
import { merged, without } from "./options";
import { send, type Chosen } from "./transfer";
import { problemText } from "./words";

const SECTIONS = ["files", "check", "trial", "result", "history"] as const;
type Section = (typeof SECTIONS)[number];
const HISTORY_MS = 5000;

export class LoadPage {
  readonly map: LoadMap;
  private readonly parts: Record<Section, HTMLElement>;
  private readonly legend = el("div", { class: "map-legend" });
  private readonly tools = el("div");
  private upload = "";
  private transfers: Transfer[] = [];
  private chosen = new Map<string, Chosen>();
  private leaving = new AbortController();
  private files = new Map<string, FileState>();
  private first = new Map<string, FileReport>();
  private jobs: Partial<Record<JobKind, Job>> = {};
  private problems: Partial<Record<Section, string>> = {};
  private loads: PastLoad[] = [];
  private recent: Job[] = [];
  private undone = new Set<number>();
  private looked: Fix | null = null;
  private keepAbsent = false;
  private wantsExamination = false;
  /** Jobs that are being started or followed. */
  private active = 0;

  constructor(
    private readonly city: City,
    private readonly words: Vocabulary,
    root: HTMLElement,
    mapRoot: HTMLElement,
  ) {
    const made = SECTIONS.map((name) => [name, el("section", { class: `step step-${name}`, id: `step-${name}` })] as const);
    this.parts = Object.fromEntries(made) as Record<Section, HTMLElement>;
    fill(root, ...made.map(([, part]) => part), ...proposals(words));
    const canvas = el("div", { class: "map", id: "load-map" });
    fill(mapRoot, canvas, this.legend, this.tools);
    this.map = new LoadMap(canvas, city.bbox);
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => event.preventDefault());
    window.setInterval(() => document.visibilityState === "visible" && void this.refreshHistory(), HISTORY_MS);
  }

  /** Whether nothing is at work; for tests. */
  get idle(): boolean {
    return this.active === 0 && this.transfers.every((each) => each.state !== "sending") && !this.wantsExamination;
  }

  async start(): Promise<void> {
    this.render();
    await this.refreshHistory();
    const kept = new URLSearchParams(location.hash.slice(1)).get("u");
    if (kept) await this.resume(kept);
  }

  render(): void {
    for (const name of SECTIONS) this.draw(name);
    fill(this.tools, this.mapTools());
    this.drawMap();
  }

  // what is going on with an upload that this page, or one before it, began

  private async resume(upload: string): Promise<void> {
    const jobs = this.recent.filter((each) => each.upload === upload);
    try {
      const found = await getUpload(upload);
      this.transfers = found.files.map(({ name, bytes }) => ({ path: name, size: bytes, sent: bytes, state: "sent", problem: "" }));
    } catch (error) {
      if (!jobs.length) return this.forget();
      if (!(error instanceof ApiError)) throw error;
    }
    this.upload = upload;
    const latest = (kind: JobKind): Job | undefined => jobs.find((each) => each.kind === kind);
    const examination = latest("examination");
    if (examination?.state === "done") this.take(await getJob(examination.job));
    else if (this.transfers.length) this.examine();
    const after = (job: Job | undefined): boolean => Boolean(job && (!examination || job.created > examination.created));
    for (const kind of ["dry_run", "load"] as const) {
      const job = latest(kind);
      if (job && after(job)) void this.follow(await getJob(job.job), kind === "load" ? "result" : "trial");
    }
    this.render();
  }

  private forget(): void {
    this.upload = "";
    window.history.replaceState(null, "", location.pathname + location.search);
  }

  // files

  private readonly fileEvents = {
    add: (chosen: Chosen[]): void => void this.add(chosen),
    again: (path: string): void => {
      const found = this.chosen.get(path);
      if (found) void this.add([found]);
    },
    clear: (): void => void this.clear(),
  };

  private async add(chosen: Chosen[]): Promise<void> {
    const isOver = this.jobs.load && isEnded(this.jobs.load);
    if (isOver) await this.clear();
    try {
      if (!this.upload) {
        this.upload = (await beginUpload()).upload;
        window.history.replaceState(null, "", `#u=${this.upload}`);
      }
    } catch (error) {
      return this.tell("files", error);
    }
    const paths = new Set(chosen.map((each) => each.path));
    const fresh = chosen.map((each): Transfer => ({ path: each.path, size: each.file.size, sent: 0, state: "sending", problem: "" }));
    this.transfers = [...this.transfers.filter((each) => !paths.has(each.path)), ...fresh];
    for (const each of chosen) this.chosen.set(each.path, each);
    delete this.problems.files;
    this.draw("files");
    for (const [at, each] of chosen.entries()) await this.sendOne(each, fresh[at]!);
    if (fresh.some((each) => each.state === "sent") && this.transfers.every((each) => each.state !== "sending")) this.examine();
  }

  private async sendOne(chosen: Chosen, transfer: Transfer): Promise<void> {
    const { signal } = this.leaving;
    try {
      await send(this.upload, chosen, (sent) => this.sent(transfer, sent), signal);
      transfer.state = "sent";
    } catch (error) {
      if (signal.aborted) return;
      transfer.state = "failed";
      transfer.problem = told(error);
    }
    this.draw("files");
  }

  private sent(transfer: Transfer, bytes: number): void {
    transfer.sent = bytes;
    const row = [...this.parts.files.querySelectorAll("li")].find((each) => each.dataset.path === transfer.path);
    const bar = row?.querySelector("progress");
    if (bar) bar.value = bytes;
  }

  private async clear(): Promise<void> {
    this.leaving.abort();
    this.leaving = new AbortController();
    const { upload } = this;
    const running = Object.values(this.jobs).filter((job) => !isEnded(job));
    this.transfers = [];
    this.chosen.clear();
    this.files.clear();
    this.first.clear();
    this.jobs = {};
    this.problems = {};
    this.forget();
    this.render();
    await Promise.allSettled(running.map((job) => cancelJob(job.job)));
    if (upload) await forgetUpload(upload).catch(() => null);
  }

  // the doctor

  private examine(): void {
    this.wantsExamination = true;
    delete this.jobs.dry_run;
    this.draw("trial");
    if (this.jobs.examination && !isEnded(this.jobs.examination)) void cancelJob(this.jobs.examination.job);
    else void this.examineNow();
  }

  private async examineNow(): Promise<void> {
    while (this.wantsExamination && this.upload) {
      this.wantsExamination = false;
      const job = await this.run("examination", "check");
      if (job?.state === "done" && !this.wantsExamination) this.take(job);
    }
    this.render();
  }

  /** Takes over what the doctor said. */
  private take(job: Job): void {
    const { files } = this;
    this.jobs.examination = job;
    const found = (job.result?.files ?? []).map((report): [string, FileState] => {
      const before = files.get(report.path);
      if (!this.first.has(report.path)) this.first.set(report.path, report);
      const asked = before?.asked ?? { dataset: report.dataset, options: report.options, skip: false };
      return [report.path, { report, asked, chosen: before?.chosen ?? [], open: before?.open ?? new Set() }];
    });
    const skipped = [...files].filter(([, state]) => state.asked.skip);
    this.files = new Map([...skipped, ...found]);
    this.looked = null;
    this.render();
    this.fit();
  }

  private readonly checkEvents = {
    fix: (path: string, title: string, fix: Options): void =>
      this.amend(path, (state) => {
        state.chosen = [...state.chosen, { title, fix }];
        state.asked.options = merged(state.asked.options, fix);
      }),
    unfix: (path: string, at: number): void =>
      this.amend(path, (state) => {
        const [gone] = state.chosen.splice(at, 1);
        if (gone) state.asked.options = without(state.asked.options, gone.fix);
      }),
    sure: (path: string): void =>
      this.amend(path, (state) => {
        for (const { title, fix } of (state.report.fixes ?? []).filter((each) => each.sure)) {
          state.chosen = [...state.chosen, { title, fix }];
          state.asked.options = merged(state.asked.options, fix);
        }
      }),
    options: (path: string, options: Options): void => this.amend(path, (state) => (state.asked.options = options)),
    dataset: (path: string, name: string): void => this.amend(path, (state) => (state.asked.dataset = name || state.report.dataset)),
    skip: (path: string, skip: boolean): void => this.amend(path, (state) => (state.asked.skip = skip)),
    look: (_path: string, fix: Fix | null): void => {
      if (this.looked === fix) return;
      this.looked = fix?.preview ? fix : null;
      this.drawMap();
    },
  };

  private amend(path: string, change: (state: FileState) => void): void {
    const state = this.files.get(path);
    if (!state) return;
    change(state);
    this.draw("check");
    this.examine();
  }

  // jobs

  private asked(): Record<string, Asked> {
    return Object.fromEntries([...this.files].map(([path, { asked }]) => [path, asked]));
  }

  private async run(kind: JobKind, section: Section): Promise<Job | null> {
    delete this.problems[section];
    this.active++;
    try {
      const job = await startJob(this.upload, kind, this.asked(), this.keepAbsent);
      return await this.follow(job, section);
    } catch (error) {
      this.tell(section, error);
      return null;
    } finally {
      this.active--;
    }
  }

  private async follow(job: Job, section: Section): Promise<Job> {
    const { upload } = this;
    this.active++;
    try {
      const found = await ended(job, (now) => {
        if (this.upload !== upload) return;
        this.jobs[job.kind] = now;
        this.draw(section);
      });
      if (job.kind === "load") await this.refreshHistory();
      if (job.kind === "load") this.map.refresh();
      return found;
    } finally {
      this.active--;
      if (this.upload === upload) this.draw(section);
    }
  }

  private readonly cancel = (job: string): void => void cancelJob(job).then(() => this.refreshHistory());

  private async undo(load: number): Promise<void> {
    try {
      await undoLoad(load);
      this.undone.add(load);
      this.map.refresh();
      delete this.problems.history;
    } catch (error) {
      this.tell("history", error);
    }
    await this.refreshHistory();
    this.draw("result");
  }

  private async refreshHistory(): Promise<void> {
    try {
      const before = JSON.stringify([this.loads, this.recent]);
      [this.loads, this.recent] = await Promise.all([getLoads(), getJobs()]);
      for (const each of this.loads) if (each.status === "undone") this.undone.add(each.load);
      if (before !== JSON.stringify([this.loads, this.recent])) this.draw("history");
    } catch (error) {
      this.tell("history", error);
    }
  }

  private tell(section: Section, error: unknown): void {
    this.problems[section] = told(error);
    this.draw(section);
  }

  // drawing

  private draw(name: Section): void {
    const part = this.parts[name];
    const focused = part.contains(document.activeElement) ? document.activeElement?.id : "";
    const content = this.contents[name]();
    const problem = this.problems[name];
    part.hidden = content === null && !problem;
    fill(part, el("h2", {}, t(`load.step.${name}`)), ...(content ?? []), problem ? el("p", { class: "problem", role: "alert" }, problem) : null);
    if (focused) document.getElementById(focused)?.focus();
  }

  private readonly contents: Record<Section, () => (HTMLElement | null)[] | null> = {
    files: () => [
      this.transfers.length ? transferList(this.transfers, this.fileEvents) : null,
      this.isOver ? null : dropZone(this.fileEvents, this.transfers.length > 0),
    ],
    check: () => this.checkContent(),
    trial: () => this.trialContent(),
    result: () => this.resultContent(),
    history: () => [
      history(this.loads, this.recent, this.upload, { undo: (load) => void this.undo(load), cancel: this.cancel }),
    ],
  };

  /** Whether the load of this upload has ended, so that its files are gone. */
  private get isOver(): boolean {
    const { load } = this.jobs;
    return load?.state === "done" && !load.result?.failed?.length;
  }

  private checkContent(): (HTMLElement | null)[] | null {
    const job = this.jobs.examination;
    if (!job) return null;
    if (this.isOver) return null;
    const isRunning = !isEnded(job) || this.wantsExamination;
    const wrong = job.error ? el("p", { class: "problem", role: "alert" }, problemText(job.error)) : null;
    const cards = [...this.files.values()].map((state) => fileCard(state, this.words, this.checkEvents));
    const doubtful = [...this.files.values()].filter(({ asked, report }) => !asked.skip && !report.loadable).length;
    return [
      isRunning ? (cards.length ? el("p", { class: "busy active again", role: "status" }, t("load.examining")) : progressBar(job, () => this.cancel(job.job))) : null,
      wrong,
      doubtful && !isRunning ? el("p", { class: "problem" }, t("load.blocked", { count: doubtful })) : null,
      ...cards,
    ];
  }

  private get canLoad(): boolean {
    const wanted = [...this.files.values()].filter(({ asked }) => !asked.skip);
    return wanted.some(({ report }) => report.loadable) && this.idle && !this.isOver;
  }

  private trialContent(): (HTMLElement | null)[] | null {
    if (!this.files.size || this.isOver || (this.jobs.load && !isEnded(this.jobs.load))) return null;
    const job = this.jobs.dry_run;
    const keep = el("input", {
      type: "checkbox",
      id: "keep-absent",
      checked: this.keepAbsent,
      on: { change: () => (this.keepAbsent = keep.checked) },
    });
    const run = (kind: JobKind, section: Section): void => void this.run(kind, section).then(() => this.render());
    return [
      el("p", { class: "quiet" }, t("load.trial.hint")),
      el("p", { class: "option check" }, keep, el("label", { for: "keep-absent" }, t("load.keep"))),
      el(
        "div",
        { class: "actions start" },
        el("button", { type: "button", class: "button", id: "try", disabled: !this.canLoad, on: { click: () => run("dry_run", "trial") } }, t("load.try")),
        el("button", { type: "button", class: "button primary", id: "load", disabled: !this.canLoad, on: { click: () => run("load", "result") } }, t("load.start")),
      ),
      job && !isEnded(job) ? progressBar(job, () => this.cancel(job.job)) : null,
      job && isEnded(job) ? outcome(job, this.undone, () => undefined) : null,
    ];
  }

  private resultContent(): (HTMLElement | null)[] | null {
    const job = this.jobs.load;
    if (!job) return null;
    if (!isEnded(job)) return [progressBar(job, () => this.cancel(job.job)), el("p", { class: "quiet" }, t("load.leave"))];
    return [
      outcome(job, this.undone, (load) => void this.undo(load)),
      el(
        "div",
        { class: "actions start" },
        el("a", { class: "button", href: "/" }, t("load.show")),
        this.isOver ? el("button", { type: "button", class: "button primary", id: "next", on: { click: () => void this.clear() } }, t("load.next")) : null,
      ),
    ];
  }

  private drawMap(): void {
    const before: GeoJSON[] = [];
    const after: GeoJSON[] = [];
    for (const [path, { report, asked, chosen }] of this.files) {
      if (asked.skip) continue;
      const first = atFaceValue(this.first.get(path));
      const { looked } = this;
      if (looked?.preview && (report.fixes ?? []).includes(looked)) {
        after.push(looked.preview);
        if (report.preview) before.push(report.preview);
      } else {
        if (report.preview) after.push(report.preview);
        if (first && chosen.length && JSON.stringify(first) !== JSON.stringify(report.preview)) before.push(first);
      }
    }
    this.map.show({ before: joined(before), after: joined(after) });
    const unplaced = [...this.files.values()].some(({ report }) => !report.preview && !report.coverages.length);
    fill(
      this.legend,
      key("city", t("load.legend.city")),
      before.length ? key("before", t("load.legend.before")) : null,
      after.length ? key("after", t(before.length ? "load.legend.after" : "load.legend.file")) : null,
      unplaced ? el("p", { class: "problem-text" }, t("load.legend.unplaced")) : null,
      this.map.deck ? null : el("p", { class: "problem-text" }, t("load.legend.nowebgl")),
    );
  }

  private mapTools(): HTMLElement {
    return el(
      "div",
      { class: "nav-group map-tools" },
      iconButton("plus", t("tool.zoom_in"), () => this.map.zoomBy(1)),
      iconButton("minus", t("tool.zoom_out"), () => this.map.zoomBy(-1)),
      iconButton("target", t("load.map.fit"), () => this.fit()),
      iconButton("home", t("tool.home"), () => this.map.fit([this.city.bbox])),
    );
  }

  private fit(): void {
    const boxes = [...this.files.values()].map((each) => each.report.bbox_wgs84);
    const before = [...this.first.values()].map((each) => each.bbox_wgs84 ?? proposed(each)?.after);
    this.map.fit([...boxes, ...before, this.city.bbox]);
  }
}

/** Where a file would lie if nothing were mended; in the first system that fits if it names none. */
function atFaceValue(report: FileReport | undefined): GeoJSON | null {
  if (!report) return null;
  return report.preview ?? proposed(report)?.preview ?? null;
}

/** The first of the systems that the coordinates of a file look like. */
const proposed = (report: FileReport): Fix | undefined => report.fixes?.find((each) => each.code === "crs_candidate");

const key = (kind: string, text: string): HTMLElement => el("p", {}, el("span", { class: `key ${kind}` }), text);

function joined(found: GeoJSON[]): GeoJSON | null {
  return found.length ? { type: "FeatureCollection", features: found.flatMap((each) => each.features) } : null;
}

function told(error: unknown): string {
  if (error instanceof ApiError) return error.status ? problemText({ problem: error.message, hint: error.hint }) : t("statusbar.lost");
  return error instanceof Error ? error.message : String(error);
}
