/**
 * The JSON of the server extension, as it travels. The Python tests check the same shapes: `tests/fixtures/*.json`.
 */

export type Direction = 'push' | 'pull' | 'export' | 'import' | 'sync';

export type State =
  | 'planned'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'paused'
  | 'interrupted';

/** How the local store and the registry compare in a version. */
export type SyncState =
  | 'local only'
  | 'remote only'
  | 'in sync'
  | 'different'
  | 'partial'
  | 'unknown';

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
  /** Whether the settings of the home want long transfers to be told. */
  notifications: boolean;
}

/** Which versions a list shows; "changed" are those that differ between both sides, or may. */
export type Show = 'all' | 'local' | 'registry' | 'changed';

export type Sort = 'name' | 'time' | 'size';

/** What is shown of the list of versions. */
export interface IView {
  show: Show;
  search: string;
  sort: Sort;
  /** Names whose versions are shown. */
  open: string[];
}

/** A version, in the local store, in the registry or in both. */
export interface IVersion {
  kind: 'version';
  tag: string;
  /** How both sides compare, told by content digests alone; null while they have not been compared. */
  state: SyncState | null;
  /** Null where the local store lacks it; a digest is null while it is not known. */
  local: { digest: string | null } | null;
  remote: { digest: string | null; status: string; creator: string } | null;
  /** Bytes in its files. */
  size: number;
  labels: Record<string, string>;
  aliases: string[];
  /** ISO 8601. */
  creation_time: string;
  module: string;
}

/** A name, and how its versions stand. */
export interface IName {
  kind: 'name';
  name: string;
  open: boolean;
  /** Versions of it in this view. */
  count: number;
  size: number;
  /** How many versions are in which state; "" stands for those that have not been compared. */
  states: Record<string, number>;
  newest: IVersion;
}

export type Row = IName | IVersion;

/** How the reading of the registry goes. */
export interface IStanding {
  reading: boolean;
  /** Whether its listing was read to the end. */
  whole: boolean;
  known: number;
  total: number;
  /** When its listing was read to the end, in seconds since the epoch. */
  as_of: number | null;
  /** Seconds since it answered last, while it is read. */
  waiting: number;
  problem: IProblem | null;
}

export interface ICount {
  names: number;
  versions: number;
}

/** A page of the list; where nothing has changed since the revision asked with, it has no rows. */
export interface IPage {
  revision: string;
  same: boolean;
  remote: IStanding;
  /** What is wrong with the local store. */
  problem: IProblem | null;
  /** Whether the local store is being read, or about to be. */
  loading: boolean;
  start?: number;
  items?: Row[];
  /** Rows in all. */
  total?: number;
  counts?: Record<Show, ICount>;
}

export interface IFile {
  path: string;
  kind: string;
  size: number;
}

export interface ILocalModel {
  tag: string;
  size: number;
  labels: Record<string, string>;
  creation_time: string;
  module: string;
  metadata: Record<string, unknown>;
  path: string;
}

export interface ILocalDetails extends ILocalModel {
  digest: string | null;
  files: IFile[];
  /** The whole model.yaml. */
  info: Record<string, unknown>;
  /** Why it cannot be pushed, if so. */
  problem: IProblem | null;
}

export interface IRemoteDetails {
  size: number;
  creation_time: string;
  upload_status: string;
  creator: string;
  uid: string;
  digest: string;
  labels: Record<string, string>;
  metadata: Record<string, unknown>;
  description: string;
  aliases: string[];
  downloads: number;
}

/** Where a version came from; what is not known is missing. */
export interface IProvenance {
  notebook?: string;
  cell?: number;
  source?: string;
  git?: Record<string, unknown>;
  python?: string;
  packages?: Record<string, string>;
  metrics?: Record<string, unknown>;
  datasets?: Record<string, unknown>;
  /** The notebook as the file browser names it; null where it is not there. */
  path: string | null;
}

export interface IDetails extends IVersion {
  local_details: ILocalDetails | null;
  remote_details: IRemoteDetails | null;
  provenance: IProvenance | null;
  /** All versions of the same name, the newest first. */
  versions: IVersion[];
  registry: IStanding;
}

/** One difference between two versions; a side is null where it lacks the thing. */
export interface IChange {
  kind:
    | 'file'
    | 'tensor'
    | 'label'
    | 'metadata'
    | 'metric'
    | 'environment'
    | 'provenance'
    | 'fact';
  name: string;
  how: 'added' | 'removed' | 'changed' | 'unknown';
  old: unknown;
  new: unknown;
  /** Of a tensor: the file it is in. */
  file?: string;
}

/** Where a version is that is compared. */
export type Place = 'local' | 'remote';

/** A version to compare, and where to take it from. */
export interface ISide {
  tag: string;
  place: Place;
}

export interface IDiff {
  old: { tag: string; where: string; digest: string | null; size: number };
  new: { tag: string; where: string; digest: string | null; size: number };
  equal: boolean;
  state: SyncState;
  changes: IChange[];
  remarks: string[];
}

/** What was looked at, and what was seen. */
export interface ICheck {
  name: string;
  mark: 'ok' | 'warning' | 'failed' | 'skipped';
  text: string;
  step: IStep | null;
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
  status: 'pushed' | 'pulled' | 'exported' | 'imported' | 'skipped';
  /** Of an export or import. */
  path?: string;
  /** Of a push to a registry that has pages: the address of the version. */
  page?: string;
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
  /** Ids of those that were forgotten. */
  gone: string[];
}

export interface IOperation {
  verb: string;
  subject: string;
  reason: string;
  size: number;
}

/** A file or a tensor that differs from another version. */
export interface IChanged {
  name: string;
  how: 'added' | 'removed' | 'changed' | 'unknown';
  size: number;
  /** Of a tensor: the file it is in. */
  file?: string;
}

/** What a transfer is going to move, and what changes by it. */
export interface IForecast {
  bytes_moved: number;
  bytes_reused: number;
  /** Whether the other end was asked; else nothing more may travel, but less. */
  exact: boolean;
  seconds: number | null;
  changes: {
    against: string;
    where: 'local' | 'remote';
    file_count: number;
    tensor_count: number;
    files: IChanged[];
    tensors: IChanged[];
  } | null;
}

export interface IPlan {
  direction: Direction;
  tag: string;
  action: 'push' | 'pull' | 'replace' | 'skip';
  reason: string;
  size: number;
  state: SyncState;
  operations: IOperation[];
  /** Null where there is nothing to do, or files would have to be hashed for it. */
  forecast: IForecast | null;
}

/** What a transfer is asked to do. */
export interface IOrder {
  direction: Direction;
  /** May be empty in an import: then it is what the file says. */
  tag: string;
  /** Of an export or import: a path as the file browser names it. */
  path?: string;
  format?: string;
  force?: boolean;
  threads?: number;
  /** Bytes a second. */
  rate_limit?: number;
  context?: string;
}

/** What to change in a version; labels that are not named stay. */
export interface IEdit {
  labels?: Record<string, string>;
  /** Labels to remove. */
  remove?: string[];
  description?: string;
}

export interface IEdited {
  tag: string;
  labels: Record<string, string>;
  description: string;
}

/** A name that people have given to a version of the registry, and move from one to another. */
export interface IAlias {
  name: string;
  version: string;
  user: string;
  /** ISO 8601. */
  moved: string;
}

/** A local version that was deleted and can be restored. */
export interface ITrashed {
  tag: string;
  /** Bytes that deleting it permanently frees. */
  size: number;
  /** ISO 8601. */
  deleted: string;
  restorable_until: string;
}

/** What was done to a version in the registry, or to an alias of it. */
export interface IDeed {
  /** ISO 8601. */
  time: string | null;
  operation: string;
  version: string;
  user: string;
  client: string;
  address: string;
  size: number | null;
  digest: string | null;
  alias: string | null;
  /** The version that the alias pointed at before. */
  earlier: string | null;
}

export interface IRemoteFiles {
  tag: string;
  /** Whether the registry tells which files it has. */
  listed: boolean;
  files: {
    path: string;
    size: number;
    digest: string | null;
    link: string | null;
  }[];
}

export interface IDraft {
  name: string;
  /** A file or folder below the server's root. */
  path: string;
  labels: Record<string, string>;
}
