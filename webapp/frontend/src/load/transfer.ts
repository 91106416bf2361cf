/** Files on their way to the server: in pieces, so that a broken connection costs only the last one. */
import { ApiError, request } from "../api";
import { getUpload, pause } from "./api";

const PIECE = 4 << 20;
const PAUSES_MS = [500, 1500, 4000, 8000, 15000];

export interface Chosen {
  file: File;
  /** With the folders it was dropped in. */
  path: string;
}

/** Sends a file; one that is there already in part is gone on with. Throws `ApiError` or an AbortError. */
export async function send(upload: string, chosen: Chosen, sent: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  const { file, path } = chosen;
  const url = `/api/uploads/${upload}/files/${path.split("/").map(encodeURIComponent).join("/")}`;
  let offset = 0;
  let failures = 0;
  do {
    signal.throwIfAborted();
    try {
      const body = file.slice(offset, offset + PIECE);
      const answer = await request<{ bytes: number }>(`${url}?offset=${offset}`, { method: "PUT", body, signal });
      offset = answer.bytes;
      failures = 0;
    } catch (error) {
      const wait = PAUSES_MS[failures++];
      const mayPass = error instanceof ApiError && [0, 409, 502, 503].includes(error.status);
      if (!mayPass || wait === undefined) throw error;
      await pause(wait);
      offset = await received(upload, path, offset);
    }
    sent(offset);
  } while (offset < file.size);
}

/** Bytes that the server has of a file. */
async function received(upload: string, path: string, known: number): Promise<number> {
  try {
    return (await getUpload(upload)).files.find((each) => each.name === path)?.bytes ?? 0;
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) return known;
    throw error;
  }
}

/** Every file of a drop, those in folders too. */
export async function dropped(transfer: DataTransfer): Promise<Chosen[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  return (await Promise.all(entries.map(inside))).flat();
}

async function inside(entry: FileSystemEntry): Promise<Chosen[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return file.name.startsWith(".") ? [] : [{ file, path }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Chosen[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(inside))).flat());
  }
}

/** The files of an input, with their folders where a folder was chosen. */
export function picked(input: HTMLInputElement): Chosen[] {
  return [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}
