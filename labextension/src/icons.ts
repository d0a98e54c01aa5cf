import { LabIcon } from '@jupyterlab/ui-components';

import modelsSvg from '../style/icons/models.svg';
import signOutSvg from '../style/icons/signout.svg';

export const modelsIcon = new LabIcon({
  name: 'modelsync:models',
  svgstr: modelsSvg
});

export const signOutIcon = new LabIcon({
  name: 'modelsync:sign-out',
  svgstr: signOutSvg
});
