/** What the load page asks of the server: uploads, jobs, the history. */
import { ApiError, request } from "../api";

export type Severity = "error" | "warning" | "info";
export type Options = Record<string, unknown>;
export type Box = [number, number, number, number];

export interface Finding {
  severity: Severity;
  code: string;
  message: string;
  hint: string;
  evidence: string;
  fix: Options;
}

export interface Fix {
  code: string;
  title: string;
  fix: Options;
  sure: boolean;
  before: Box | null;
  after: Box | null;
  preview: GeoJSON | null;
}

export interface Code {
  value: string;
  count: number;
  meaning: string;
  list: string;
}

export interface Field {
  layer: string;
  name: string;
  type: string;
  samples?: string[];
  column: string;
  confidence?: number;
  unit?: string;
  codes?: Code[];
}

export interface GeoJSON {
  type: "FeatureCollection";
  features: { geometry: unknown; properties: Record<string, unknown> }[];
}

/** What the doctor says of one file. */
export interface FileReport {
  path: string;
  dataset: string;
  options: Options;
  file: string;
  bytes: number | null;
  reader: string;
  title: string;
  loadable: boolean;
  features: number | null;
  crs: string;
  crs_source: string;
  encoding: string;
  encoding_confidence: string;
  height_datum: string;
  length_unit: string;
  bbox_wgs84: Box | null;
  classes: Record<string, number>;
  layers: { name: string; features: number | null; geometry_type: string; class: string; id_field: string }[];
  fields: Field[];
  coverages: { name: string; kind: string; crs: string; bounds: Box }[];
  rejected: number;
  rejections: Rejection[];
  sample: Record<string, unknown>[];
  findings: Finding[];
  fixes?: Fix[];
  /** The mapping profile in use; "" if there is none. */
  profile?: string;
  preview?: GeoJSON | null;
  faults?: { code: string; message: string; count: number; places: { object: string; lon: number | null; lat: number | null }[] }[];
}

export interface Rejection {
  object: string;
  code: string;
  reason: string;
  raw: string;
}

/** What became, or would become, of one file. */
export interface LoadReport {
  file: string;
  dataset: string;
  load: number | null;
  read: number;
  new: number;
  changed: number;
  same: number;
  ended: number;
  rejected: Rejection[];
  rejected_count: number;
  crs: string;
  encoding: string;
  findings: Finding[];
  dry_run: boolean;
}

export interface Problem {
  problem: string;
  where: string;
  hint: string;
}

export type JobKind = "examination" | "dry_run" | "load";
export type JobState = "waiting" | "running" | "done" | "failed" | "cancelled" | "interrupted";

export interface Job {
  job: string;
  kind: JobKind;
  upload: string;
  files: string[];
  state: JobState;
  progress: { file: string; stage: string; done: number; total: number | null } | null;
  created: string;
  started: string | null;
  ended: string | null;
  error: Problem | null;
  result: { files?: FileReport[]; loads?: LoadReport[]; failed?: (Problem & { dataset: string })[] } | null;
}

export interface Upload {
  upload: string;
  files: { name: string; bytes: number }[];
  /** Bytes that all of it may have. */
  most: number;
}

/** What the user says of one file. */
export interface Asked {
  dataset: string;
  options: Options;
  skip: boolean;
}

export interface PastLoad {
  load: number;
  dataset: string;
  file: string;
  recorded: string;
  by: string;
  status: string;
  new: number;
  changed: number;
  ended: number;
  rejected_count?: number;
}

export interface Vocabulary {
  crs: string;
  classes: { name: string; title: string; title_zh: string }[];
  columns: { name: string; unit: string; meaning: string }[];
  datasets: string[];
  networks: string[];
  kinds: string[];
}

const JSON_TYPE = { "Content-Type": "application/json" };

const post = <T>(path: string, body?: unknown): Promise<T> =>
  request(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body ?? {}) });

export const getVocabulary = (): Promise<Vocabulary> => request("/api/vocabulary");
export const beginUpload = (): Promise<Upload> => post("/api/uploads");
export const getUpload = (upload: string): Promise<Upload> => request(`/api/uploads/${upload}`);
export const forgetUpload = (upload: string): Promise<null> => request(`/api/uploads/${upload}`, { method: "DELETE" });
export const getJobs = (): Promise<Job[]> => request("/api/jobs");
export const getJob = (job: string): Promise<Job> => request(`/api/jobs/${job}`);
export const cancelJob = (job: string): Promise<Job> => request(`/api/jobs/${job}`, { method: "DELETE" });
export const getLoads = (): Promise<PastLoad[]> => request("/api/loads");
export const undoLoad = (load: number): Promise<unknown> => post(`/api/loads/${load}/undo`);

const PATHS: Record<JobKind, string> = { examination: "examination", dry_run: "dry-run", load: "load" };

export function startJob(upload: string, kind: JobKind, files: Record<string, Asked>, keepAbsent = false): Promise<Job> {
  return post(`/api/uploads/${upload}/${PATHS[kind]}`, { files, keep_absent: keepAbsent });
}

export const isEnded = (job: Job): boolean => job.state !== "waiting" && job.state !== "running";

/** Asks for a job until it has ended; `follow` hears of each answer. */
export async function ended(job: Job, follow: (job: Job) => void): Promise<Job> {
  let found = job;
  for (let failures = 0; ; ) {
    follow(found);
    if (isEnded(found)) return found;
    await pause(found.state === "waiting" ? 250 : 400);
    try {
      found = await getJob(job.job);
      failures = 0;
    } catch (error) {
      const mayPass = error instanceof ApiError && (error.status === 0 || error.status === 503);
      if (!mayPass || ++failures > 30) throw error;
      await pause(1500);
    }
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
