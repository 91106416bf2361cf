/** Where files are dropped, and how far each has come. */
import { el, icon, iconButton } from "../dom";
import { number, t } from "../i18n";
import { dropped, picked, type Chosen } from "./transfer";

export interface Transfer {
  path: string;
  size: number;
  sent: number;
  state: "sending" | "sent" | "failed";
  problem: string;
}

export interface FilesEvents {
  add: (chosen: Chosen[]) => void;
  again: (path: string) => void;
  clear: () => void;
}

/** The place to drop files; two hidden inputs choose files and folders. */
export function dropZone(events: FilesEvents, small: boolean): HTMLElement {
  const input = fileInput("load-files", {}, events);
  const folder = fileInput("load-folder", { webkitdirectory: true }, events);
  const zone = el(
    "div",
    { class: small ? "drop small" : "drop", id: "drop" },
    small ? null : icon("upload"),
    small ? null : el("strong", {}, t("load.drop")),
    small ? null : el("p", { class: "quiet" }, t("load.hint")),
    el(
      "div",
      { class: "choices" },
      el("label", { class: "button primary", for: "load-files" }, input, t(small ? "load.more" : "load.choose")),
      el("label", { class: "button", for: "load-folder" }, folder, t("load.folder")),
    ),
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
    zone.classList.remove("over");
    if (event.dataTransfer) void dropped(event.dataTransfer).then(events.add);
  });
  return zone;
}

function fileInput(id: string, more: Record<string, boolean>, events: FilesEvents): HTMLInputElement {
  const input = el("input", {
    type: "file",
    multiple: true,
    class: "visually-hidden",
    id,
    ...more,
    on: {
      change: () => {
        const chosen = picked(input);
        if (chosen.length) events.add(chosen);
        input.value = "";
      },
    },
  });
  return input;
}

export function transferList(transfers: Transfer[], events: FilesEvents): HTMLElement {
  const rows = transfers.map((each) => transferRow(each, events));
  const total = transfers.reduce((sum, each) => sum + each.size, 0);
  return el(
    "div",
    { class: "transfers" },
    el("ul", { class: "files", "aria-label": t("load.files") }, ...rows),
    el(
      "p",
      { class: "files-total" },
      el("span", { class: "quiet" }, t("load.total", { count: transfers.length, size: bytes(total) })),
      el("button", { type: "button", class: "text-button", id: "clear", on: { click: events.clear } }, t("load.clear.all")),
    ),
  );
}

function transferRow(transfer: Transfer, events: FilesEvents): HTMLElement {
  const { path, size, sent, state } = transfer;
  return el(
    "li",
    { class: state, "data-path": path },
    el("span", { class: "file-name" }, path),
    state === "sending" ? el("progress", { max: Math.max(size, 1), value: sent, "aria-label": t("load.sending", { name: path }) }) : null,
    state === "failed" ? el("span", { class: "problem-text", role: "alert" }, transfer.problem) : null,
    state === "failed" ? iconButton("upload", t("load.again", { name: path }), () => events.again(path)) : null,
    el("span", { class: "count" }, state === "sent" ? `✓ ${bytes(size)}` : bytes(size)),
  );
}

/** An amount of bytes as people write it. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${number(count / 1e3, 0)} kB`;
  return count < 1e9 ? `${number(count / 1e6, 1)} MB` : `${number(count / 1e9, 2)} GB`;
}
