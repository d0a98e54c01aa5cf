/**
 * Notifications: of errors, and of long transfers that end.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IEnv } from './components/env';
import { duration, endOf, formatSeconds, plain } from './format';
import { nextStep } from './hints';
import type { SidebarModel } from './model';
import { ApiError } from './request';
import { CommandIDs } from './tokens';
import type { IProblem, IRecord } from './wire';

/** Milliseconds for which good news are shown; without a time JupyterLab only notes them behind its bell. */
export const AWHILE = 5000;

/** Tell why nothing was done. */
export function tell(text: string): void {
  Notification.info(text, { autoClose: AWHILE });
}

/** Tell that something was done. */
export function tellDone(text: string): void {
  Notification.success(text, { autoClose: AWHILE });
}

/** Letters of a message at most: JupyterLab cuts longer ones, and with them the next step. */
const LONGEST = 140;

/** Tell what went wrong and what to do; offer to try again. */
export function tellError(
  reason: unknown,
  trans: TranslationBundle,
  retry: () => void
): void {
  const error = ApiError.of(reason);
  Notification.error(short(error.problem, trans), {
    autoClose: false,
    actions: [{ label: trans.__('Retry'), callback: retry }]
  });
}

/** When a user wants to hear of transfers. */
export interface INotifyOptions {
  notifications: boolean;
  /** Seconds from which on a transfer counts as long. */
  notifyAfterSeconds: number;
}

/** Tell how long transfers end, and also short ones that fail unseen. */
export function tellEnds(
  model: SidebarModel,
  trans: TranslationBundle,
  options: () => INotifyOptions,
  run: IEnv['run']
): void {
  model.transfers.ended.connect((_, record) => {
    const { notifications, notifyAfterSeconds } = options();
    const long = duration(record) >= notifyAfterSeconds;
    if (!notifications) {
      return;
    }
    if (record.state === 'failed' && (long || !model.visible)) {
      tellFailure(model, record, trans, run);
    } else if (
      record.state === 'succeeded' &&
      (long || record.direction === 'export') // which leaves no mark in the list
    ) {
      const took = formatSeconds(duration(record));
      const file = record.outcome?.path?.split(/[\\/]/).pop();
      const what = endOf(record, trans);
      const words =
        record.direction === 'export' && file
          ? trans.__('%1 to %2 in %3.', what, file, took)
          : trans.__('%1 in %2.', what, took);
      Notification.success(words, {
        autoClose: AWHILE,
        actions: [details(record, trans, run)]
      });
    }
  });
}

function tellFailure(
  model: SidebarModel,
  record: IRecord,
  trans: TranslationBundle,
  run: IEnv['run']
): void {
  const what = `${endOf(record, trans)}.`;
  const retry = (): void => {
    model
      .resume(record.id)
      .catch((reason: unknown) => tellError(reason, trans, retry));
  };
  const why = record.error
    ? short(record.error, trans, LONGEST - what.length - 1)
    : '';
  Notification.error(`${what} ${why}`.trim(), {
    autoClose: false,
    actions: [
      { label: trans.__('Retry'), callback: retry },
      details(record, trans, run)
    ]
  });
}

/** Leads to the sidebar, whose history has the whole reason, or to the version. */
function details(
  record: IRecord,
  trans: TranslationBundle,
  run: IEnv['run']
): { label: string; callback: () => void } {
  return record.state === 'succeeded'
    ? {
        label: trans.__('Open'),
        callback: () => run(CommandIDs.details, { tag: record.tag })
      }
    : { label: trans.__('Details'), callback: () => run(CommandIDs.history) };
}

/**
 * What went wrong and what to do, as plain text that fits. Where both do not, the next step matters more.
 */
function short(
  problem: IProblem,
  trans: TranslationBundle,
  room = LONGEST
): string {
  const step = plain(nextStep(problem, trans));
  const message = plain(problem.message);
  const left = room - step.length - 1;
  const brief = /^.+?(?=: |\. |\.?$)/.exec(message)?.[0] ?? ''; // what happened, without why
  const fits = [message, `${brief}.`].find(each => each.length <= left);
  return fits !== undefined
    ? `${fits} ${step}`.trim()
    : step || cut(message, room);
}

/** Cut a text behind a word. */
function cut(text: string, room: number): string {
  return `${text.slice(0, room - 1).replace(/\s+\S*$/, '')}…`;
}
