import { ApiError, getObject, type CityObject, type ObjectRef } from "../api";
import { el, fill, icon, iconButton } from "../dom";
import { known, language, moment, number, t } from "../i18n";
import { seriesSection } from "./series-chart";
import { valueList, valueText } from "./values";

export interface ObjectPanelEvents {
  select: (oid: number) => void;
  fly: (object: CityObject) => void;
  close: () => void;
}

/** Everything known of the chosen object. */
export class ObjectPanel {
  private pending: AbortController | null = null;
  private shown: CityObject | null = null;

  constructor(
    private readonly root: HTMLElement,
    private readonly events: ObjectPanelEvents,
    private readonly className: (name: string) => string,
  ) {
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.events.close();
    });
  }

  hide(): void {
    this.pending?.abort();
    this.shown = null;
    this.root.hidden = true;
  }

  /** The words of the page's language. */
  translate(): void {
    if (this.shown) this.render(this.shown);
  }

  /** Reads and shows an object; returns it, null where it could not be read. */
  async show(oid: number): Promise<CityObject | null> {
    this.pending?.abort();
    this.pending = new AbortController();
    const { signal } = this.pending;
    this.root.hidden = false;
    if (this.shown?.oid !== oid) this.message(t("object.loading"));
    try {
      const object = await getObject(oid, signal);
      if (signal.aborted) return null;
      this.shown = object;
      this.render(object);
      return object;
    } catch (error) {
      if (signal.aborted) return null;
      const gone = error instanceof ApiError && [403, 404].includes(error.status);
      this.shown = null;
      this.message(gone ? t("object.gone") : t("object.failed"));
      return null;
    }
  }

  private closeButton(): HTMLElement {
    return iconButton("close", t("object.close"), this.events.close, { class: "panel-close" });
  }

  private message(text: string): void {
    fill(this.root, el("div", { class: "panel-head" }, el("p", { role: "status" }, text), this.closeButton()));
  }

  private render(object: CityObject): void {
    const scroll = this.root.scrollTop;
    const title = object.name || object.object_id;
    const classTitle = (language() === "zh" && object.class_title_zh) || object.class_title || this.className(object.class);
    const fly = el(
      "button",
      { type: "button", class: "button", on: { click: () => this.events.fly(object) } },
      icon("target"),
      t("object.fly"),
    );
    fill(
      this.root,
      el(
        "div",
        { class: "panel-head" },
        el("div", {}, el("p", { class: "kicker" }, classTitle), el("h2", {}, title)),
        this.closeButton(),
      ),
      el("div", { class: "panel-actions" }, object.position ? fly : null, badge(object.status, "status")),
      el("h3", {}, t("object.summary")),
      facts(this.keyFacts(object)),
      this.series(object),
      this.attributes(object),
      this.relations("object.parents", object.parents, object.parents.length),
      this.relations("object.children", object.children, object.children_count),
      this.history(object),
      this.provenance(object),
    );
    this.root.scrollTop = scroll;
  }

  private keyFacts(object: CityObject): [string, string | null][] {
    const metres = (value: number | null): string | null => (value === null ? null : `${number(value)} m`);
    return [
      [t("object.height"), metres(object.height)],
      [t("object.ground_height"), metres(object.ground_height)],
      [t("object.storeys"), object.storeys_above_ground === null ? null : number(object.storeys_above_ground)],
      [t("object.function"), object.function && known(`function.${object.function}`, object.function)],
      [t("object.lod"), object.lod],
      [t("object.cim_level"), object.cim_level === null ? null : valueText(object.cim_level)],
      [t("object.valid"), period(object.valid_from, object.valid_to)],
      [t("object.access"), object.access && known(`access.${object.access}`, object.access)],
      [t("object.id"), object.object_id],
      [t("object.dataset"), object.dataset],
      [t("object.position"), object.position && object.position.slice(0, 2).map((value) => value.toFixed(6)).join(", ")],
    ];
  }

  private attributes(object: CityObject): HTMLElement | null {
    if (Object.keys(object.attributes ?? {}).length === 0) return null;
    return section(t("object.attributes"), true, valueList(object.attributes));
  }

  /** A place for the object's time series, which come by themselves. */
  private series(object: CityObject): HTMLElement {
    const place = el("div", {});
    const signal = this.pending?.signal;
    if (signal) {
      seriesSection(object.oid, signal)
        .then((section) => fill(place, section))
        .catch(() => signal.aborted || fill(place, el("p", { class: "quiet" }, t("series.failed"))));
    }
    return place;
  }

  private relations(title: "object.parents" | "object.children", items: ObjectRef[], count: number): HTMLElement | null {
    if (items.length === 0) return null;
    const links = items.map((item) =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", class: "link", on: { click: () => this.events.select(item.oid) } },
          el("span", {}, item.name || item.object_id),
          el("span", { class: "hit-class" }, this.className(item.class)),
        ),
      ),
    );
    const rest = count - items.length;
    return section(
      `${t(title)} (${number(count)})`,
      items.length <= 12,
      el("ul", { class: "links" }, ...links),
      rest > 0 && el("p", { class: "quiet" }, t("object.more", { count: number(rest) })),
    );
  }

  private history(object: CityObject): HTMLElement | null {
    if (!object.history?.length) return null;
    const rows = object.history.map((entry): [string, string] => [
      t("object.version", { version: entry.version }),
      entry.recorded_to
        ? t("object.recorded", { from: moment(entry.recorded_from), to: moment(entry.recorded_to) })
        : t("object.recorded.now", { from: moment(entry.recorded_from) }),
    ]);
    return section(t("object.history"), false, facts(rows));
  }

  private provenance(object: CityObject): HTMLElement | null {
    if (!object.provenance) return null;
    const told = Object.entries(object.provenance)
      .filter(([, value]) => value !== null && value !== "")
      .map(([key, value]) => [known(`provenance.${key}`, key), typeof value === "string" ? moment(value) : value]);
    return section(t("object.provenance"), false, valueList(Object.fromEntries(told) as Record<string, unknown>));
  }
}

function period(from: string | null, to: string | null): string | null {
  if (from && to) return t("object.valid.span", { from, to });
  if (from) return t("object.valid.since", { from });
  return to ? t("object.valid.until", { to }) : null;
}

function badge(status: string | null, group: string): HTMLElement | null {
  return status ? el("span", { class: "badge" }, known(`${group}.${status}`, status)) : null;
}

/** Names and values; unknown ones are left out. */
function facts(rows: [string, string | null][]): HTMLElement {
  const known = rows.filter((row): row is [string, string] => row[1] !== null && row[1] !== "");
  return el("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function section(title: string, open: boolean, ...children: (Node | string | null | false)[]): HTMLElement {
  return el("details", { class: "section", open }, el("summary", {}, title), ...children);
}
