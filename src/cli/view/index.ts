/**
 * What people see: views that follow a delivery as it happens, and documents as pages. What only has to open a view or
 * know a style imports `open-progress-view.ts` and `text/style.ts`, which load in no time.
 */
export { openProgressView, type ProgressViewOptions } from './open-progress-view.ts'
export * from './pages/index.ts'
export { type Annotation, annotation, type CiKind, ciOf } from './progress/ci.ts'
export { createPlainView, type PlainViewOptions } from './progress/plain-view.ts'
export { createSilentView } from './progress/silent-view.ts'
export {
  count,
  formatBytes,
  formatClockTime,
  formatDuration,
  formatElapsed,
  formatRelative,
  type Style,
  styleOf,
} from './text/index.ts'
export type * from './types.ts'
