/** Elements without markup strings: text always goes in as text. */

type Child = Node | string | null | undefined | false;
type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

interface Options {
  class?: string;
  on?: Listeners;
  [attribute: string]: string | number | boolean | Listeners | null | undefined;
}

/** An element with attributes, listeners and children; false and null attributes are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value as Listeners)) {
        element.addEventListener(event, listener as EventListener);
      }
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Empties `parent` and fills it with `children`. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}

const PATHS = {
  layers: "M12 4 3 9l9 5 9-5-9-5ZM4.5 12.8 12 17l7.5-4.2M4.5 16.3 12 20.5l7.5-4.2",
  search: "M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM16 16l4.5 4.5",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  home: "M4 11.5 12 5l8 6.5M6.5 10v9h11v-9M10 19v-5h4v5",
  compass: "M12 3.5 15 12l-3 8.5L9 12l3-8.5Z",
  cube: "M12 3.5 4.5 7.8v8.4l7.5 4.3 7.5-4.3V7.8L12 3.5ZM4.5 7.8 12 12l7.5-4.2M12 12v8.5",
  square: "M5 5h14v14H5zM5 12h14M12 5v14",
  underground: "M3 8h18M7 8V4h4v4M14 8V5h3v3M6 13h12M6 13v3M18 13v5M4 18.5h10",
  upload: "M12 15.5V5M8 8.5 12 4.5l4 4M5 15v4.5h14V15",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  theme: "M12 4a8 8 0 1 0 0 16V4ZM12 4a8 8 0 0 1 0 16",
  sliders: "M5 8h8M17 8h2M5 16h2M11 16h8M15 6v4M9 14v4",
  target: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM12 3v3M12 18v3M3 12h3M18 12h3",
  chevron: "M9 6l6 6-6 6",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing of 24 × 24; hidden from screen readers, its button has the words. */
export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon; `label` is its tooltip and what is read aloud. */
export function iconButton(name: IconName, label: string, press: () => void, extra: Options = {}): HTMLButtonElement {
  const options = { type: "button", title: label, "aria-label": label, on: { click: press }, ...extra };
  return el("button", { ...options, class: `icon-button ${extra.class ?? ""}` }, icon(name));
}
