/**
 * The JSON of the server extension, as it travels. The Python tests check the same shapes: `tests/fixtures/*.json`.
 */

export type Direction = 'push' | 'pull';

/** Where a model is: in the local store, or in the registry. */
export type Side = 'local' | 'remote';

export type State =
  'planned' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted';

/** How the local store and the registry compare in a version. */
export type SyncState =
  | 'local only'
  | 'remote only'
  | 'in sync'
  | 'different'
  | 'partial'
  | 'unknown';

/** The state of a version, and the content digests behind it; null where one is not known. */
export interface IVersionState {
  tag: string;
  state: SyncState;
  local: string | null;
  remote: string | null;
}

export interface IContext {
  name: string;
  endpoint: string;
  email: string;
  current: boolean;
}

export interface IStatus {
  version: string;
  home: string;
  contexts: IContext[];
  current: string | null;
  threads: number;
}

export interface IModel {
  tag: string;
  /** Bytes in its files. */
  size: number;
  labels: Record<string, string>;
  /** ISO 8601. */
  creation_time: string;
  module: string;
}

export interface ILocalModel extends IModel {
  metadata: Record<string, unknown>;
  path: string;
}

export interface IRemoteModel extends IModel {
  upload_status: string;
  creator: string;
  uid: string;
  /** Content digest; null or empty where the registry does not know it. */
  digest: string | null;
}

export interface IPage<T> {
  items: T[];
  total: number;
}

export interface IFile {
  path: string;
  kind: string;
  size: number;
}

export interface ILocalDetails extends ILocalModel {
  /** Content digest; null while the files have not been read since they changed. */
  digest: string | null;
  files: IFile[];
  /** The whole model.yaml. */
  info: Record<string, unknown>;
}

export interface IRemoteDetails extends IRemoteModel {
  metadata: Record<string, unknown>;
  description: string;
}

/** What to do next, as data; `verb` is empty where there is nothing but advice. */
export interface IStep {
  verb: string;
  text: string;
  args: Record<string, string>;
}

export interface IProblem {
  code: string;
  message: string;
  hint: string;
  /** Missing where the server itself, and not our extension, has answered. */
  step?: IStep;
}

export interface IOutcome {
  tag: string;
  status: 'pushed' | 'pulled' | 'skipped';
  reason: string;
  size: number;
  seconds: number;
  bytes_reused: number;
  bytes_sent?: number;
  bytes_received?: number;
  /** Content digest, or empty where it is not known. */
  digest: string;
  state: SyncState;
  different: boolean;
}

/** A transfer; times are seconds since the epoch, amounts are bytes. */
export interface IRecord {
  id: string;
  direction: Direction;
  tag: string;
  state: State;
  context: string;
  endpoint: string;
  step: string;
  done: number;
  total: number;
  reused: number;
  rate: number;
  started: number;
  updated: number;
  ended: number | null;
  pid: number;
  host: string;
  background: boolean;
  options: {
    force: boolean;
    threads: number;
    context: string | null;
    /** Bytes a second. */
    rate_limit: number | null;
  };
  error: IProblem | null;
  outcome: IOutcome | null;
}

export interface ITransfers {
  /** To be handed back with the next question. */
  revision: string;
  transfers: IRecord[];
}

export interface IOperation {
  verb: string;
  subject: string;
  reason: string;
  size: number;
}

export interface IPlan {
  direction: Direction;
  tag: string;
  action: 'push' | 'pull' | 'replace' | 'skip';
  reason: string;
  size: number;
  state: SyncState;
  operations: IOperation[];
}

/** What a transfer is asked to do. */
export interface IOrder {
  direction: Direction;
  tag: string;
  force?: boolean;
  threads?: number;
  /** Bytes a second. */
  rate_limit?: number;
  context?: string;
}

export interface IDraft {
  name: string;
  /** A file or folder below the server's root. */
  path: string;
  labels: Record<string, string>;
}
