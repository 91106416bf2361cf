import type { LayerInfo } from "../api";
import { el, fill, iconButton } from "../dom";
import { number, t, titled } from "../i18n";
import type { Scene } from "../scene";
import type { AppState, LayerChoice } from "../state";

export interface LayerPanelEvents {
  choose: (id: string, choice: Partial<LayerChoice>) => void;
  imagery: (id: string) => void;
  reset: () => void;
}

const GROUP_ORDER = ["buildings", "utility", "transport", "nature", "places", "ground", "other"] as const;
type GroupName = (typeof GROUP_ORDER)[number];

/** Under which heading the layers of a theme stand. */
const GROUPS: Record<string, GroupName> = {
  building: "buildings",
  interior: "buildings",
  element: "buildings",
  construction: "buildings",
  utility: "utility",
  underground: "utility",
  transportation: "transport",
  furniture: "transport",
  land_use: "nature",
  vegetation: "nature",
  water: "nature",
  generic: "places",
  group: "places",
  relief: "ground",
  terrain: "ground",
  imagery: "ground",
};

/** The list of layers by group: on or off, opacity, legend; and the image on the ground. */
export class LayerPanel {
  private readonly open = new Set<string>();

  constructor(
    private readonly root: HTMLElement,
    private readonly events: LayerPanelEvents,
  ) {}

  render(scene: Scene, state: AppState): void {
    const focused = document.activeElement?.id;
    const rows = scene.infos.filter((info) => info.kind !== "imagery");
    const groups = new Map<GroupName, LayerInfo[]>(GROUP_ORDER.map((name) => [name, []]));
    for (const info of rows) groups.get(GROUPS[info.group] ?? "other")!.push(info);
    const changed = Object.keys(state.layers).length > 0 || state.imagery !== null;
    fill(
      this.root,
      el(
        "div",
        { class: "panel-head" },
        el("h2", {}, t("layers.title")),
        changed && el("button", { type: "button", class: "text-button", on: { click: this.events.reset } }, t("layers.reset")),
      ),
      rows.length === 0 && el("p", { class: "empty" }, t("layers.empty")),
      ...[...groups].map(([group, infos]) => this.group(group, infos, scene, state)),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  private group(group: GroupName, infos: LayerInfo[], scene: Scene, state: AppState): HTMLElement | null {
    const imagery = group === "ground" ? this.imagery(scene, state) : null;
    if (infos.length === 0 && !imagery) return null;
    return el(
      "section",
      { class: "layer-group" },
      el("h3", {}, t(`group.${group}`)),
      el("ul", {}, ...infos.map((info) => this.row(info, scene.choice(info, state)))),
      imagery,
    );
  }

  private row(info: LayerInfo, choice: LayerChoice): HTMLElement {
    const name = titled(info);
    const box = el("input", {
      type: "checkbox",
      id: `layer-${info.id}`,
      checked: choice.visible,
      on: { change: () => this.events.choose(info.id, { visible: box.checked }) },
    });
    const single = info.legend.length === 1 ? swatch(info.legend[0].color) : null;
    const more = iconButton("chevron", t("layers.options", { name }), () => this.toggle(info.id, item, more), {
      class: "disclosure",
      "aria-expanded": String(this.open.has(info.id)),
      id: `options-${info.id}`,
    });
    const item = el(
      "li",
      { class: this.open.has(info.id) ? "layer open" : "layer" },
      el(
        "div",
        { class: "layer-row" },
        el("label", {}, box, single, el("span", { class: "layer-name" }, name)),
        info.count !== null && el("span", { class: "count", title: t("layers.count", { count: number(info.count) }) }, number(info.count)),
        more,
      ),
      this.details(info, choice, name),
    );
    return item;
  }

  private toggle(id: string, item: HTMLElement, button: HTMLElement): void {
    const isOpen = !this.open.delete(id);
    if (isOpen) this.open.add(id);
    item.classList.toggle("open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
  }

  private details(info: LayerInfo, choice: LayerChoice, name: string): HTMLElement {
    const percent = el("output", {}, `${Math.round(choice.opacity * 100)}%`);
    const slider = el("input", {
      type: "range",
      id: `opacity-${info.id}`,
      min: 0,
      max: 100,
      step: 5,
      value: Math.round(choice.opacity * 100),
      "aria-label": t("layers.opacity", { name }),
      on: {
        input: () => {
          percent.textContent = `${slider.value}%`;
          this.events.choose(info.id, { opacity: Number(slider.value) / 100 });
        },
      },
    });
    return el("div", { class: "layer-details" }, el("div", { class: "opacity" }, slider, percent), ...legendOf(info));
  }

  private imagery(scene: Scene, state: AppState): HTMLElement | null {
    const all = scene.imageries();
    if (all.length === 0) return null;
    const shown = scene.imagery(state);
    const chosen = shown?.id ?? "";
    const select = el(
      "select",
      { id: "imagery", "aria-label": t("layers.imagery"), on: { change: () => this.events.imagery(select.value) } },
      ...all.map((info) => el("option", { value: info.id, selected: info.id === chosen }, titled(info))),
      el("option", { value: "", selected: chosen === "" }, t("layers.imagery.none")),
    );
    const choice = el("label", { class: "imagery" }, el("span", {}, t("layers.imagery")), select);
    return el("div", {}, choice, ...(shown ? legendOf(shown) : []));
  }
}

/** What its colours mean, and whose data it is. */
function legendOf(info: LayerInfo): (HTMLElement | null)[] {
  const entries = info.legend.map((entry) =>
    el("li", {}, swatch(entry.color), titled({ title: entry.label, title_zh: entry.label_zh })),
  );
  return [
    entries.length > 0 ? el("ul", { class: "legend", "aria-label": t("layers.legend") }, ...entries) : null,
    info.attribution ? el("p", { class: "attribution" }, info.attribution) : null,
  ];
}

function swatch(color: string): HTMLElement {
  const box = el("span", { class: "swatch", "aria-hidden": "true" });
  box.style.backgroundColor = color;
  return box;
}
