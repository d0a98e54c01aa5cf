import plugins from './plugins';

export { IModelSync } from './tokens';
export default plugins;
