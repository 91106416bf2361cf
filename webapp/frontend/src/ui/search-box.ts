import { ApiError, search, type Hit } from "../api";
import { el, fill, icon, iconButton } from "../dom";
import { t } from "../i18n";

const PAUSE_MS = 220;

/** Search by name or identifier: results as one types, arrow keys choose, Enter flies there. */
export class SearchBox {
  private readonly input: HTMLInputElement;
  private readonly list: HTMLUListElement;
  private readonly told: HTMLElement;
  private readonly clear: HTMLButtonElement;
  private hits: Hit[] = [];
  private active = -1;
  private timer = 0;
  private pending: AbortController | null = null;

  constructor(
    root: HTMLElement,
    private readonly go: (hit: Hit) => void,
    private readonly className: (name: string) => string,
  ) {
    this.input = el("input", {
      type: "search",
      id: "search",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: t("search.placeholder"),
      "aria-label": t("search.label"),
      "aria-controls": "search-results",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      on: { input: () => this.later(), keydown: (event) => this.key(event), focus: () => this.show(this.hits.length > 0) },
    });
    this.list = el("ul", { id: "search-results", role: "listbox", "aria-label": t("search.label"), hidden: true });
    this.told = el("p", { class: "search-told", role: "status", hidden: true });
    this.clear = iconButton("close", t("search.clear"), () => this.reset(), { class: "search-clear", hidden: true });
    fill(root, icon("search"), this.input, this.clear, el("div", { class: "search-drop" }, this.told, this.list));
    document.addEventListener("pointerdown", (event) => {
      if (!root.contains(event.target as Node)) this.show(false);
    });
  }

  /** The words of the page's language, kept text and all. */
  translate(): void {
    this.input.placeholder = t("search.placeholder");
    this.input.setAttribute("aria-label", t("search.label"));
    this.clear.title = t("search.clear");
    this.clear.setAttribute("aria-label", t("search.clear"));
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  private reset(): void {
    this.input.value = "";
    this.take([], "");
    this.input.focus();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.clear.hidden = this.input.value === "";
    this.timer = window.setTimeout(() => void this.ask(), PAUSE_MS);
  }

  private async ask(): Promise<void> {
    clearTimeout(this.timer);
    const text = this.input.value.trim();
    this.pending?.abort();
    if (!text) return this.take([], "");
    this.pending = new AbortController();
    const { signal } = this.pending;
    try {
      const hits = await search(text, signal);
      this.take(hits, hits.length ? "" : t("search.none", { text }));
    } catch (error) {
      if (!signal.aborted) this.take([], (error instanceof ApiError && error.message) || t("search.failed"));
    }
  }

  private take(hits: Hit[], told: string): void {
    this.hits = hits;
    this.active = -1;
    this.told.textContent = told;
    this.told.hidden = told === "";
    this.clear.hidden = this.input.value === "";
    fill(this.list, ...hits.map((hit, index) => this.row(hit, index)));
    this.show(hits.length > 0 || told !== "");
  }

  private row(hit: Hit, index: number): HTMLElement {
    return el(
      "li",
      { role: "option", id: `hit-${index}`, "aria-selected": "false", on: { click: () => this.choose(index) } },
      el("span", { class: "hit-name" }, hit.name || hit.object_id),
      el("span", { class: "hit-class" }, this.className(hit.class)),
      hit.name ? el("span", { class: "hit-id" }, hit.object_id) : null,
    );
  }

  private show(visible: boolean): void {
    this.list.hidden = !visible || this.hits.length === 0;
    if (!visible) this.told.hidden = true;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
  }

  private async key(event: KeyboardEvent): Promise<void> {
    if (event.key === "Escape") {
      this.show(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.mark(this.active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.active < 0) await this.ask();
      this.choose(Math.max(this.active, 0));
    }
  }

  private mark(index: number): void {
    if (this.hits.length === 0) return;
    this.show(true);
    this.active = (index + this.hits.length) % this.hits.length;
    [...this.list.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === this.active)));
    this.input.setAttribute("aria-activedescendant", `hit-${this.active}`);
    this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  private choose(index: number): void {
    const hit = this.hits[index];
    if (!hit) return;
    this.show(false);
    this.go(hit);
  }
}
