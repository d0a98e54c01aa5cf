/**
 * Notifications: of errors, and of long transfers that end.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { duration, formatSeconds } from './format';
import { nextStep } from './hints';
import type { SidebarModel } from './model';
import { ApiError } from './request';
import type { IProblem, IRecord } from './wire';

/** Milliseconds for which good news are shown; without a time JupyterLab only notes them behind its bell. */
export const AWHILE = 5000;

/** Tell what went wrong and what to do; offer to try again. */
export function tellError(
  reason: unknown,
  trans: TranslationBundle,
  retry: () => void
): void {
  const error = ApiError.of(reason);
  Notification.error(plain(whole(error.problem, trans)), {
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
  options: () => INotifyOptions
): void {
  model.transfers.ended.connect((_, record) => {
    const { notifications, notifyAfterSeconds } = options();
    const long = duration(record) >= notifyAfterSeconds;
    if (!notifications) {
      return;
    }
    if (record.state === 'failed' && (long || !model.visible)) {
      tellFailure(model, record, trans);
    } else if (record.state === 'succeeded' && long) {
      const took = formatSeconds(duration(record));
      Notification.success(
        record.direction === 'push'
          ? trans.__('Pushed %1 in %2.', record.tag, took)
          : trans.__('Pulled %1 in %2.', record.tag, took),
        { autoClose: AWHILE }
      );
    }
  });
}

function tellFailure(
  model: SidebarModel,
  record: IRecord,
  trans: TranslationBundle
): void {
  const what =
    record.direction === 'push'
      ? trans.__('Push of %1 failed.', record.tag)
      : trans.__('Pull of %1 failed.', record.tag);
  const why = record.error ? whole(record.error, trans) : '';
  const retry = (): void => {
    model
      .resume(record.id)
      .catch((reason: unknown) => tellError(reason, trans, retry));
  };
  Notification.error(plain(`${what} ${why}`), {
    autoClose: false,
    actions: [{ label: trans.__('Retry'), callback: retry }]
  });
}

/** What went wrong and what to do about it. */
function whole(problem: IProblem, trans: TranslationBundle): string {
  return `${problem.message} ${nextStep(problem, trans)}`;
}

/** Notifications show plain text. */
function plain(text: string): string {
  return text.replace(/`/g, '').trim();
}
