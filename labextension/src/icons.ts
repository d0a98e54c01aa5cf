import { LabIcon } from '@jupyterlab/ui-components';

import modelsSvg from '../style/icons/models.svg';
import type { SyncState } from './wire';

export const modelsIcon = new LabIcon({
  name: 'modelsync:models',
  svgstr: modelsSvg
});

/** A mark of 12 pixels, drawn by a path. */
function mark(name: string, path: string): LabIcon {
  return new LabIcon({
    name: `modelsync:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="12" height="12" viewBox="0 0 12 12" fill="none"><path class="jp-icon3" stroke="#616161" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" d="${path}"/></svg>`
  });
}

export const detailsIcon = new LabIcon({
  name: 'modelsync:details',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M11 7h2v2h-2zm0 4h2v6h-2zm1-9C6.48 2 2 6.48 2 12s4.48 10 10 10 10-4.48 10-10S17.52 2 12 2zm0 18c-4.41 0-8-3.59-8-8s3.59-8 8-8 8 3.59 8 8-3.59 8-8 8z"/></svg>'
});

export const compareIcon = new LabIcon({
  name: 'modelsync:compare',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M9 14H2v2h7v3l4-4-4-4zm6-1v-3h7V8h-7V5l-4 4z"/></svg>'
});

/** JupyterLab has one since some later version. */
export const pauseIcon = new LabIcon({
  name: 'modelsync:pause',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M6 19h4V5H6zm8-14v14h4V5z"/></svg>'
});

/** Told apart by shape, not by colour. */
export const stateIcons: Record<SyncState, LabIcon> = {
  'in sync': mark('in-sync', 'M2 6.5 4.8 9.2 10 3.2'),
  'local only': mark('local-only', 'M6 10V2.5M2.8 5.6 6 2.4l3.2 3.2'),
  'remote only': mark('remote-only', 'M6 2v7.5M2.8 6.4 6 9.6l3.2-3.2'),
  different: mark('different', 'M2 4.2h8M2 7.8h8M8 1.8 4 10.2'),
  partial: mark('partial', 'M6 1.8v8.4M6 1.8a4.2 4.2 0 1 0 0 8.4M8.6 3v6'),
  unknown: mark(
    'unknown',
    'M3.9 4a2.1 2.1 0 1 1 3.2 1.8C6.3 6.3 6 6.7 6 7.4M6 10v.1'
  )
};
