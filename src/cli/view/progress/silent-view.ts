import type { ProgressView } from '../types.ts'

/** Shows nothing: for `--json`, whose one document is the answer. */
export const createSilentView = (): ProgressView => ({ show() {}, end() {} })
